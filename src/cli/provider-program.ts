import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { dockerConfigPath } from '../client/docker-config-path.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Provider } from '../state/provider.ts';

/** What one has to end in that answers what is none. */
const ENDS_WITHIN_MS = 2000;
/** How long one may describe itself, and in how many characters: what is no provider may never end. */
const METADATA_MS = 30_000;
const METADATA_LENGTH = 2 ** 20;

export type ProviderVerb = 'up' | 'down' | 'stop';

export interface ProviderCall {
  readonly project: string;
  readonly service: string;
  readonly provider: Pick<Provider, 'type' | 'options'>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** What it says of how far it is. */
  readonly info: (message: string) => void;
  readonly debug: (message: string) => void;
  /** What it writes to stderr. */
  readonly complain: (text: string) => void;
}

/** Where docker's command line looks for plugins beside the user's own folder. */
const PLUGINS = ['/usr/local/lib/docker/cli-plugins', '/usr/local/libexec/docker/cli-plugins', '/usr/lib/docker/cli-plugins', '/usr/libexec/docker/cli-plugins'];

/**
 * Has a provider do something for a service (docker compose's extension protocol, docs/extension.md): `PROGRAM compose --project-name=NAME VERB --OPTION=VALUE … SERVICE`, which answers lines of JSON. Answers
 * the variables that it sets; null where it knows no such verb. Throws BayplanError `provider`.
 */
export async function callProvider(verb: ProviderVerb, call: ProviderCall): Promise<Pick<Provider, 'variables' | 'raw'> | null> {
  const { project, service, provider } = call;
  const program = programOf(call);
  const known = await parametersOf(program, call);
  if (verb === 'stop' && known.stop === null) return null;
  const parameters = known[verb];
  for (const { name, required } of parameters ?? []) if (required && provider.options[name] === undefined) throw failed(call, `its parameter "${name}" is required: add it to options`);
  const options = Object.entries(provider.options).filter(([name]) => parameters === null || parameters.some((one) => one.name === name)).flatMap(([name, values]) => values.map((value) => `--${name}=${value}`));
  return await answersOf(program, ['compose', `--project-name=${project}`, verb, ...options, service], call);
}

/** A plugin of docker's command line, or a program in PATH. */
function programOf(call: ProviderCall): string {
  const { provider: { type }, env } = call;
  if (type === '' || type.includes('/') || type === 'compose') throw failed(call, 'this is no name of a provider');
  const found = pluginOf(type, env) ?? (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '').map((folder) => join(folder, type)).find(isProgram);
  if (found === undefined) throw failed(call, `there is no plugin docker-${type} of docker's, and no program ${type} in PATH: install it`);
  return found;
}

/** Where a plugin of docker's command line is; null: there is none of that name. */
export function pluginOf(name: string, env: ProviderCall['env']): string | null {
  return [join(dirname(dockerConfigPath(env)), 'cli-plugins'), ...PLUGINS].map((folder) => join(folder, `docker-${name}`)).find(isProgram) ?? null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // the next place is looked at
  }
}

interface Parameter { readonly name: string; readonly required: boolean }
type Parameters = Readonly<Record<ProviderVerb, readonly Parameter[] | null>>;

/** What a provider says of its parameters: null where it says nothing, and all options are given. One that knows no `metadata` is like one that says nothing, as in docker compose. */
async function parametersOf(program: string, { env, cwd }: ProviderCall): Promise<Parameters> {
  const child = spawn(program, ['compose', 'metadata'], { env, cwd, stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  const giveUp = (): void => {
    child.kill('SIGKILL');
    child.stdout.destroy();
  };
  const late = setTimeout(giveUp, METADATA_MS);
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    if (text.length > METADATA_LENGTH) giveUp();
  });
  const code = await new Promise<number | null>((resolve) => {
    child.once('error', () => { resolve(null); }); // told when it is run in earnest
    child.once('close', resolve);
  });
  clearTimeout(late);
  const said = code === 0 ? objectOf(text) : null;
  const of = (verb: ProviderVerb): readonly Parameter[] | null => {
    const part = said?.[verb];
    if (typeof part !== 'object' || part === null) return null;
    const list = 'parameters' in part && Array.isArray(part.parameters) ? (part.parameters as readonly unknown[]) : [];
    return list.flatMap((one) => (typeof one === 'object' && one !== null && 'name' in one && typeof one.name === 'string' ? [{ name: one.name, required: 'required' in one && one.required === true }] : []));
  };
  // One that describes itself somehow is given the options of a verb that it describes, and no others.
  const empty = said === null || (['description', 'up', 'down'] as const).every((key) => said[key] === undefined || said[key] === '');
  return { up: empty ? null : of('up') ?? [], down: empty ? null : of('down') ?? [], stop: of('stop') };
}

async function answersOf(program: string, args: readonly string[], call: ProviderCall): Promise<Pick<Provider, 'variables' | 'raw'>> {
  const { env, cwd } = call;
  const child = spawn(program, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.once('error', (cause) => { reject(failed(call, `${program} cannot be run: ${cause.message}`, cause)); });
    child.once('close', (code, signal) => { resolve(code ?? signal ?? 'SIGKILL'); });
  });
  ended.catch(() => undefined); // it is waited for below
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => { call.complain(chunk); });
  const variables: Record<string, string> = {};
  const raw: Record<string, string> = {};
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.trim() !== '') takeLine(line, variables, raw, call);
    }
  } catch (error) {
    child.kill();
    for (const stream of [child.stdout, child.stderr]) stream.destroy(); // something that it has started may have them open
    const late = setTimeout(() => child.kill('SIGKILL'), ENDS_WITHIN_MS);
    await ended;
    clearTimeout(late);
    throw error;
  }
  const end = await ended;
  if (end !== 0) throw failed(call, `${args[2] ?? ''}: it ended with ${typeof end === 'number' ? `status ${end}` : end}`);
  return { variables, raw };
}

function takeLine(line: string, variables: Record<string, string>, raw: Record<string, string>, call: ProviderCall): void {
  const said = objectOf(line);
  const { type, message } = said ?? {};
  if (typeof type !== 'string' || typeof message !== 'string') throw failed(call, `its answer is none: expected {"type": "…", "message": "…"}, got ${line.slice(0, 200)}`);
  const [first = ''] = message.trimEnd().split('\n', 1);
  if (type === 'info') return call.info(first);
  if (type === 'debug') return call.debug(message);
  if (type === 'error') throw failed(call, message.trimEnd());
  const at = message.indexOf('=');
  if ((type !== 'setenv' && type !== 'rawsetenv') || at <= 0) throw failed(call, `its answer is none: ${type} ${first}`);
  (type === 'setenv' ? variables : raw)[message.slice(0, at)] = message.slice(at + 1);
}

function objectOf(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value)) : null;
  } catch {
    return null; // told by who wanted one
  }
}

function failed({ service, provider: { type } }: ProviderCall, why: string, cause?: unknown): BayplanError {
  return new BayplanError('provider', `service "${service}": provider ${type}: ${why}`, { cause });
}
