import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BayplanError } from '../../state/bayplan-error.ts';
import { cdiNamesOf, deviceRequestProblem, kindsOf, type DeviceRequest } from '../../state/device-request.ts';
import { CdiSpec, type CdiEdits } from './cdi-spec.ts';

/** Where files of the Container Device Interface are by default; what stands in a later folder counts before what stands in an earlier one. */
export const CDI_FOLDERS: readonly string[] = ['/etc/cdi', '/var/run/cdi'];

interface Found { readonly path: string; readonly priority: number; readonly spec: CdiSpec }
interface Read { readonly found: readonly Found[]; /** Why files cannot be used, a line each. */ readonly problems: readonly string[] }

/** The devices that files of the Container Device Interface describe. They are read when somebody asks for one: vendors' services write them when they like. */
export class CdiDevices {
  readonly folders: readonly string[];

  /** Empty: there are none. */
  constructor(folders: readonly string[] = CDI_FOLDERS) {
    this.folders = folders;
  }

  /** What is done for all that is asked for, in order; a file's own edits come once, before those of its first device. Throws BayplanError `bad-request` where a device is not there. */
  async edits(requests: readonly DeviceRequest[]): Promise<readonly CdiEdits[]> {
    if (requests.length === 0) return [];
    const read = await this.#read();
    const names = [...new Set(requests.flatMap((request) => this.#namesOf(request, read)))];
    const files = new Set<Found>();
    return names.flatMap((name) => {
      const at = this.#find(name, read);
      const device = at.spec.devices.find((one) => `${at.spec.kind}=${one.name}` === name)?.containerEdits ?? {};
      const first = !files.has(at);
      files.add(at);
      return [...(first && at.spec.containerEdits !== undefined ? [at.spec.containerEdits] : []), device].map((edits) => supported(edits, name, at.path));
    });
  }

  #namesOf(request: DeviceRequest, { found }: Read): readonly string[] {
    const problem = deviceRequestProblem(request);
    if (problem !== null) throw new BayplanError('bad-request', problem);
    const kinds = kindsOf(request);
    return cdiNamesOf(request, kinds.find((kind) => found.some(({ spec }) => spec.kind === kind)) ?? kinds[0] ?? null);
  }

  #find(name: string, { found, problems }: Read): Found {
    const having = found.filter(({ spec }) => spec.devices.some((device) => `${spec.kind}=${device.name}` === name));
    const best = Math.max(...having.map(({ priority }) => priority));
    const [at, other] = having.filter(({ priority }) => priority === best);
    if (other !== undefined) throw new BayplanError('bad-request', `CDI device ${name}: ${at?.path ?? ''} and ${other.path} both describe it: remove one of them`);
    if (at !== undefined) return at;
    if (this.folders.length === 0) throw new BayplanError('bad-request', `there is no CDI device ${name}: "cdi-spec-dirs" of the engine's configuration names no folder`);
    const hint = name.startsWith('nvidia.com/gpu=') ? '; `nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml` makes one for the cards of this machine' : '';
    throw new BayplanError('bad-request', `there is no CDI device ${name} on this machine: no file in ${this.folders.join(' or ')} describes it${hint}${problems.map((line) => `; ${line}`).join('')}`);
  }

  async #read(): Promise<Read> {
    const found: Found[] = [];
    const problems: string[] = [];
    for (const [priority, folder] of this.folders.entries()) {
      for (const path of filesIn(folder)) {
        const spec = await readSpec(path);
        if (typeof spec === 'string') problems.push(`${path} cannot be used: ${spec}`);
        else found.push({ path, priority, spec });
      }
    }
    return { found, problems };
  }
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => /\.(json|yaml)$/.test(name)).sort().map((name) => join(folder, name));
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return [];
    throw new BayplanError('bad-request', `CDI devices: ${folder} cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** Or why it is none, in a line. YAML as Go's reader has it: 0666 is octal. */
async function readSpec(path: string): Promise<CdiSpec | string> {
  let value: unknown;
  try {
    const text = readFileSync(path, 'utf8');
    value = path.endsWith('.json') ? JSON.parse(text) : (await import('yaml')).parse(text, { version: '1.1' });
  } catch (error) {
    return error instanceof Error ? error.message.split('\n', 1)[0] ?? '' : String(error);
  }
  const parsed = CdiSpec.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  return issue === undefined ? 'wrong shape' : `${issue.path.length === 0 ? '' : `${issue.path.join('.')}: `}${issue.message}`;
}

function supported(edits: CdiEdits, name: string, path: string): CdiEdits {
  const key = edits.intelRdt !== undefined ? 'intelRdt' : (edits.netDevices ?? []).length > 0 ? 'netDevices' : null;
  if (key !== null) throw new BayplanError('not-built', `CDI device ${name}: ${path} asks for "${key}", which is not built yet`);
  return edits;
}
