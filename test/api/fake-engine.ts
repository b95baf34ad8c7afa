import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import type { EngineView } from '../../src/api/engine-view.ts';
import type { Usage } from '../../src/runtime/container/usage.ts';
import type { ArchiveRequest, ArchiveStreams, PathStat } from '../../src/runtime/container/archive.ts';
import type { ContainerEvent, ExecProcess, ExecRequest, LogRecord, RemoveHow } from '../../src/runtime/container/containers.ts';
import { BayplanError } from '../../src/state/bayplan-error.ts';
import type { Attachment, Container, ContainerStatus } from '../../src/state/container.ts';
import type { ImageStatus } from '../../src/state/image.ts';
import type { DriftAnswer } from '../../src/state/drift.ts';
import type { PassEvent, PlanAnswer, RevisionAnswer, RollbackRequest, StackAnswer, StackRequest, SweepAnswer, SweepRequest } from '../../src/state/messages.ts';
import { Operation } from '../../src/state/operation.ts';
import type { JobAnswer, JobStarted } from '../../src/state/job.ts';
import type { Network, NetworkSpec } from '../../src/state/network.ts';
import { emptyState, nothingDesired, type Desired } from '../../src/state/state.ts';
import { attachment, containerSpec, network, pool, publishedPort, resources } from '../spec-values.ts';

export const IMAGE: ImageStatus = {
  id: `sha256:${'a'.repeat(64)}`, digest: `sha256:${'b'.repeat(64)}`, createdAt: 1_700_000_000_000, size: 1234,
  config: { entrypoint: ['/entry'], command: ['serve'], environment: ['PATH=/bin', 'A=image'], user: '', workingDir: '/srv', labels: { from: 'image' }, stopSignal: '', healthcheck: null, exposedPorts: ['80/tcp'], volumes: [] },
};

export const SPEC = containerSpec({
  image: 'nginx:1', imageId: IMAGE.id, environment: { A: 'own' }, labels: { 'com.docker.compose.project': 'shop' },
  resources: resources({ memory: 1024, cpus: 0.5 }), networks: { shop_default: attachment({ aliases: ['web'] }) }, ports: [publishedPort({ published: 8080 })],
});

export function container(index: number, service: string, status: Partial<ContainerStatus> = {}): Container {
  const now = Date.now();
  return {
    identity: { owner: 'stack', stack: 'shop', service, slot: 1, generation: 1 }, spec: SPEC,
    status: {
      id: String(index).repeat(64).slice(0, 64), phase: 'running', pid: 100 + index, exitCode: 0, oomKilled: false, error: '', createdAt: now - 61_000 - 100 * index, startedAt: now - 60_500, finishedAt: 0,
      health: 'healthy', healthOutput: '', restarts: 0, restartAt: 0, held: false, paused: false, addresses: { shop_default: '10.9.0.2' }, anonymousVolumes: {}, ipv6Addresses: {}, runtime: 'bayplan', storage: 'overlay', joined: [], ports: SPEC.ports, ...status,
    },
  };
}

/** An engine in memory: its containers are what the test puts in, `exec` runs on the machine itself, passes are what `pass` yields. */
export class FakeEngine implements EngineView {
  jobAnswers: readonly JobAnswer[] = [];
  readonly version = '9.9.9';
  readonly startedAt = Date.now();
  readonly root = '/fake';
  readonly all = new Map<string, Container>();
  readonly records = new Map<string, LogRecord[]>();
  readonly calls: string[] = [];
  pass: readonly PassEvent[] = [{ version: 1, type: 'end', ok: true, revision: 1, message: '' }];
  usage: Usage = {
    cpu: { each: [10, 20], total: 1e9, user: 6e8, system: 4e8, periods: 0, throttledPeriods: 0, throttled: 0 }, machine: 1e12, memory: { usage: 3 * 1024 * 1024, limit: 1024 ** 3, details: { inactive_file: 1024 * 1024 } },
    pids: { current: 2, limit: 0 }, io: [{ major: 8, minor: 0, op: 'read', bytes: 1_290_000 }], networks: { eth0: { rxBytes: 1600, rxPackets: 3, rxErrors: 0, rxDropped: 0, txBytes: 126, txPackets: 2, txErrors: 0, txDropped: 0 } },
  };
  closed = false;
  readonly #listeners = new Set<(event: ContainerEvent, name: string, network: string) => void>();
  onHookOutput: EngineView['onHookOutput'] = () => () => undefined;
  events: EngineView['events'] = { past: () => [], onEvent: () => () => undefined, container: () => undefined, tell: () => undefined };
  lastSignal: AbortSignal | null = null;

  readonly cdi = { folders: [] };
  readonly runtimes = { default: 'bayplan', list: () => ({ bayplan: { path: 'bayplan-core' } }) };
  readonly storage = { name: 'overlay' as const, status: [] };
  readonly remapsUsers = false;
  readonly addressSpaces = [];
  readonly images: EngineView['images'] = {
    pull: async (reference, { credentials, onProgress }) => {
      this.calls.push(`pull ${reference} ${JSON.stringify(credentials)}`);
      if (reference.includes('missing')) throw new BayplanError('image-not-found', `image ${reference}: registry docker.io has no such image (404)`);
      onProgress({ part: IMAGE.digest, state: 'downloading', current: 1, total: 2 });
      if (reference.includes('cut')) throw new BayplanError('registry-cut', 'registry docker.io cut the connection off');
      return { reference: 'docker.io/library/nginx:1', digest: IMAGE.digest, changed: true };
    },
    import: async () => Promise.reject(new Error('not asked for')),
    stackArtifact: async () => Promise.reject(new Error('not asked for')),
    tags: async (reference, { credentials }) => {
      this.calls.push(`tags ${reference} ${JSON.stringify(credentials)}`);
      return reference === 'none' ? [] : ['1', '2'];
    },
    describe: async (reference, { credentials }) => {
      this.calls.push(`describe ${reference} ${JSON.stringify(credentials)}`);
      if (reference.includes('missing')) throw new BayplanError('image-not-found', `image ${reference}: registry docker.io has no such image (404)`);
      return { digest: IMAGE.digest, mediaType: 'application/vnd.oci.image.index.v1+json', size: 7, platforms: [{ architecture: 'amd64', os: 'linux' }] };
    },
    push: async (reference, { credentials }) => {
      this.calls.push(`push ${reference} ${JSON.stringify(credentials)}`);
      return { digest: IMAGE.digest, size: 7 };
    },
    verify: async (host, { username, password }) => {
      this.calls.push(`verify ${host} ${username}`);
      if (password !== 'right') throw new BayplanError('registry-denied', `registry ${host} does not take these credentials`);
    },
    find: (reference) => (['nginx:1', 'docker.io/library/nginx:1', IMAGE.id].includes(reference) ? IMAGE : null),
    list: () => [{ references: ['docker.io/library/nginx:1'], image: IMAGE }],
    details: () => ({
      references: ['docker.io/library/nginx:1'],
      config: {
        architecture: 'amd64', os: 'linux', author: 'somebody', created: '2023-11-14T22:13:20Z', config: { Entrypoint: ['/entry'], Cmd: ['serve'], Labels: { from: 'image' } },
        history: [{ created: '2023-11-14T22:13:20Z', created_by: 'ADD file' }, { created: '2023-11-14T22:13:20Z', created_by: 'CMD serve', empty_layer: true }],
        rootfs: { type: 'layers', diff_ids: [`sha256:${'c'.repeat(64)}`] },
      },
      layers: [{ diffId: `sha256:${'c'.repeat(64)}`, chainId: `sha256:${'c'.repeat(64)}`, digest: `sha256:${'c'.repeat(64)}`, size: 1234 }], storedAt: 1_700_000_100_000,
    }),
    save: async (names) => Readable.from([`archive of ${names.join(' ')}`]),
    tag: async (image, reference) => { this.calls.push(`tag ${image} ${reference}`); },
    remove: async (reference, force) => {
      this.calls.push(`remove image ${reference} force=${force}`);
      return { untagged: ['docker.io/library/nginx:1'], deleted: [IMAGE.id], reclaimed: 1234 };
    },
    prune: async (fits) => {
      const untagged = this.images.list().filter(fits).flatMap(({ references }) => references);
      return { untagged, deleted: untagged.length > 0 ? [IMAGE.id] : [], reclaimed: untagged.length * 1234 };
    },
    load: async (archive) => {
      let size = 0;
      for await (const chunk of archive) size += chunk.length;
      this.calls.push(`load ${size}`);
      if (size < 5) throw new BayplanError('bad-request', 'the archive is truncated');
      return ['docker.io/library/nginx:1'];
    },
  };
  readonly containers: EngineView['containers'] = {
    list: () => this.all,
    signal: async (name, signal) => { this.calls.push(`signal ${name} ${signal}`); },
    exec: async (_name, request) => runHere(request),
    logs: (name, options) => {
      if (this.all.get(name)?.spec.logging.driver === 'none') throw new BayplanError('bad-request', `container ${name}: its output is not kept`);
      return this.#logs(name, options);
    },
    attach: () => Promise.reject(new BayplanError('not-built', 'not part of this engine')),
    onEvent: (listener) => {
      this.#listeners.add(listener);
      return () => this.#listeners.delete(listener);
    },
    processes: () => [],
    archive: (name, request, streams) => fakeArchive(name, request, streams, this.calls),
    flush: () => Promise.resolve(),
    changes: () => Promise.resolve([{ path: '/new', kind: 'added' }, { path: '/old', kind: 'deleted' }]),
    usage: (name) => (this.all.get(name)?.status?.phase === 'running' ? this.usage : null),
    resize: async (name, { width, height }) => { this.calls.push(`resize ${name} ${width}x${height}`); },
  };
  /** `test/api` has one network, and those that were made. */
  readonly made = new Map<string, Network>([['shop_default', network({ stack: 'shop' }, pool({ subnet: '10.9.0.0/24', gateway: '10.9.0.1' }))]]);
  readonly networks: EngineView['networks'] = {
    list: () => this.made,
    spec: (name) => this.made.get(name)?.spec ?? null,
  };
  readonly volumes: EngineView['volumes'] = {
    list: () => new Map([['shop_data', { stack: 'shop', spec: { driver: 'local', external: false, driverOpts: {}, labels: { a: 'b' } }, status: { mountpoint: '/fake/v', createdAt: 1 } }]]),
    mountpoint: () => '/fake/v',
  };

  async createNetwork(name: string, spec: NetworkSpec): Promise<void> {
    this.made.set(name, network({ stack: '', spec }, pool({ subnet: '10.10.0.0/24', gateway: '10.10.0.1' })));
  }

  async removeNetwork(name: string): Promise<void> {
    if (name === 'shop_default') throw new BayplanError('network-in-use', 'network shop_default is in use by shop-web-1; remove that container first');
    this.made.delete(name);
  }

  async pruneNetworks(passes: (name: string, network: Network) => boolean): Promise<readonly string[]> {
    return await Promise.resolve([...this.made].filter(([name, one]) => name !== 'shop_default' && passes(name, one) && this.made.delete(name)).map(([name]) => name));
  }

  async connectContainer(name: string, network: string, attachment: Attachment): Promise<void> {
    this.calls.push(`connect ${name} ${network} ${JSON.stringify(attachment)}`);
  }

  async disconnectContainer(name: string, network: string): Promise<void> {
    this.calls.push(`disconnect ${name} ${network}`);
  }

  async createVolume(name: string): Promise<string> {
    this.calls.push(`create volume ${name}`);
    return 'shop_data';
  }
  async removeVolume(name: string, force: boolean): Promise<void> {
    this.calls.push(`remove volume ${name} force=${force}`);
  }
  async pruneVolumes(passes: Parameters<EngineView['pruneVolumes']>[0]): ReturnType<EngineView['pruneVolumes']> {
    return { deleted: [...this.volumes.list()].filter(([, volume]) => passes(volume)).map(([name]) => name), reclaimed: 2048 };
  }
  replacedBinds(): readonly never[] {
    return [];
  }

  container(ref: string): Container & { readonly name: string } {
    const found = [...this.all].find(([name, { status }]) => name === ref || status?.id.startsWith(ref));
    if (found === undefined) throw new BayplanError('not-found', `No such container: ${ref}`);
    return { ...found[1], name: found[0] };
  }
  busy(): boolean {
    return false;
  }

  stacks(): readonly StackAnswer[] {
    return [{ version: 1, name: 'shop', revision: 3, source: { workingDir: '/w', files: ['/w/compose.yaml'] }, desired: null, actual: emptyState('shop') }];
  }
  async stack(name: string): Promise<StackAnswer> {
    const found = this.stacks().find((stack) => stack.name === name);
    if (found === undefined) throw new BayplanError('not-found', `there is no stack "${name}"`);
    return found;
  }
  async planStack(): Promise<PlanAnswer> {
    return Promise.resolve(this.preview);
  }
  /** What every plan that is only asked for has. */
  preview: PlanAnswer = { version: 1, revision: 3, digest: 'd1', plan: { steps: [], notes: [], wakeAt: null } };
  async previewOperation(name: string, { verb }: Operation): Promise<PlanAnswer> {
    this.calls.push(`preview ${verb} ${name}`);
    return Promise.resolve(this.preview);
  }
  async previewRemoval(name: string): Promise<PlanAnswer> {
    this.calls.push(`preview remove ${name}`);
    return Promise.resolve(this.preview);
  }
  async previewRollback(name: string): Promise<PlanAnswer> {
    this.calls.push(`preview rollback ${name}`);
    return Promise.resolve(this.preview);
  }
  lastRequest: StackRequest | null = null;
  async applyStack(name: string, request: StackRequest, options: { readonly wait: boolean }, onEvent: (event: PassEvent) => void, signal: AbortSignal): Promise<void> {
    this.calls.push(`apply ${name} wait=${options.wait}`);
    this.lastSignal = signal;
    this.lastRequest = request;
    for (const event of this.pass) onEvent(event);
  }
  async removeStack(name: string, options: Parameters<EngineView['removeStack']>[1], onEvent: (event: PassEvent) => void): Promise<void> {
    await this.stack(name);
    this.calls.push(`remove ${name} volumes=${options.volumes} timeout=${options.stopTimeoutSeconds}${options.from == null ? '' : ` from=${options.from}`}`);
    for (const event of this.pass) onEvent(event);
  }
  drift: DriftAnswer[] = [];
  async stackDrift(name: string): Promise<readonly DriftAnswer[]> {
    await this.stack(name);
    return this.drift;
  }
  revisions: RevisionAnswer[] = [];
  async jobs(): Promise<readonly JobAnswer[]> {
    return Promise.resolve(this.jobAnswers);
  }

  async runJob(_stack: string, service: string): Promise<JobStarted> {
    return Promise.resolve({ version: 1, run: this.jobAnswers.find((each) => each.service === service)?.runs[0] ?? null });
  }

  async stackHistory(name: string): Promise<readonly RevisionAnswer[]> {
    this.calls.push(`history ${name}`);
    return this.revisions;
  }
  async diffRevisions(name: string, from: number, to: number): Promise<readonly string[]> {
    this.calls.push(`diff ${name} ${from} ${to}`);
    return from === to ? [] : ['service web: user: "" → "1"'];
  }
  async rollbackStack(name: string, { revision, from }: RollbackRequest, onEvent: (event: PassEvent) => void): Promise<void> {
    this.calls.push(`rollback ${name} ${revision} from=${from}`);
    for (const event of this.pass) onEvent(event);
  }
  async operate(name: string, operation: Operation, onEvent: (event: PassEvent) => void): Promise<void> {
    const { verb, version: _version, ...rest } = operation;
    const usual: Record<string, unknown> = Operation.omit({ version: true, verb: true }).parse({ services: [] });
    const said = Object.entries(rest).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(usual[key])).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
    this.calls.push(`${verb} ${name}${said.join('')}`);
    for (const event of this.pass) onEvent(event);
  }
  async pauseContainer(name: string, on: boolean): Promise<void> {
    this.calls.push(`${on ? 'pause' : 'unpause'} ${name}`);
    this.change(name, { paused: on });
  }
  async stopContainer(name: string, signal: string | null, graceMs: number): Promise<void> {
    this.calls.push(`stop ${name} ${signal} ${graceMs}`);
    this.change(name, { phase: 'exited', exitCode: 143, finishedAt: Date.now() });
  }
  async signalContainer(name: string, signal: string): Promise<void> {
    await this.containers.signal(name, signal);
  }
  async createContainer(desired: Desired): Promise<string> {
    const [name = '', container] = Object.entries(desired.containers)[0] ?? [];
    this.calls.push(`create ${name} ${JSON.stringify(container?.spec)}`);
    return 'f'.repeat(64);
  }
  async updateContainer(name: string, changes: object): Promise<void> {
    this.calls.push(`update ${name} ${JSON.stringify(changes)}`);
  }
  asides: readonly { readonly stack: string; readonly line: string }[] = [];
  setAside(of?: string): readonly string[] {
    return this.asides.filter(({ stack }) => of === undefined || stack === of).map(({ line }) => line);
  }

  warnings(): readonly string[] {
    return [];
  }

  async createOneOff(stack: string, { desired }: StackRequest): Promise<string> {
    this.calls.push(`one-off of ${stack}`);
    return await this.createContainer(desired);
  }
  async removeContainer(name: string, { volumes = false, ended = false }: RemoveHow): Promise<void> {
    if (ended && this.all.get(name)?.status?.phase === 'running') throw new BayplanError('conflict', `container ${name} is running: stop it first, or force its removal`);
    this.calls.push(`remove ${name} volumes=${volumes}`);
    this.all.delete(name);
  }
  async commitContainer(name: string, request: object): Promise<string> {
    this.calls.push(`commit ${name} ${JSON.stringify(request)}`);
    return `sha256:${'c'.repeat(64)}`;
  }
  async renameContainer(name: string, to: string): Promise<void> {
    this.calls.push(`rename ${name} ${to}`);
  }
  async restartContainer(name: string, signal: string | null, graceMs: number): Promise<void> {
    if (this.all.get(name)?.status?.phase === 'running') await this.stopContainer(name, signal, graceMs);
    await this.startContainer(name);
  }
  async startContainer(name: string): Promise<void> {
    this.calls.push(`start ${name}`);
  }
  async diskUsage(): Promise<{ containers: ReadonlyMap<string, number>; volumes: ReadonlyMap<string, number> }> {
    return { containers: new Map([['shop-web-1', 77]]), volumes: new Map([['shop_data', 99]]) };
  }
  async sweep({ kill, dryRun, roots }: SweepRequest): Promise<SweepAnswer> {
    this.calls.push(`sweep ${String(kill)} ${String(dryRun)} ${roots.join()}`);
    return { version: 1, removed: ['link bp0000-11111111'], kept: kill ? [] : ['/run/bayplan-00001111: it runs'] };
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  /** Containers that cannot be stopped. */
  readonly stubborn = new Set<string>();

  async shutDown(): Promise<number> {
    this.closed = true;
    const stopped = [...this.all.keys()].filter((name) => !this.stubborn.has(name));
    for (const name of stopped) this.change(name, { phase: 'exited' });
    return stopped.length;
  }

  /** Resolves once so many clients watch containers. */
  async watched(by: number): Promise<void> {
    while (this.#listeners.size < by) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  change(name: string, status: Partial<ContainerStatus>): void {
    const before = this.all.get(name);
    if (before?.status != null) this.all.set(name, { ...before, status: { ...before.status, ...status } });
    for (const listener of this.#listeners) listener('noted', name, '');
  }

  async *#logs(name: string, options: { tail: number | null; follow: boolean; signal: AbortSignal }): AsyncGenerator<LogRecord> {
    const records = this.records.get(name) ?? [];
    let at = options.tail === null ? 0 : Math.max(0, records.length - options.tail);
    for (;;) {
      for (let record = records[at]; record !== undefined; record = records[at]) {
        at++;
        yield record;
      }
      if (!options.follow || options.signal.aborted || this.all.get(name)?.status?.phase !== 'running') return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

export function record(ms: number, stream: 'stdout' | 'stderr', text: string | Buffer): LogRecord {
  return { time: BigInt(ms) * 1_000_000n, stream, data: typeof text === 'string' ? Buffer.from(text) : text, goesOn: false };
}

export const REQUEST: StackRequest = { version: 1, base: null, from: null, bytes: {}, source: { workingDir: '/w', files: ['/w/compose.yaml'] }, desired: nothingDesired('shop', false, null) };

function runHere({ command: [file = 'true', ...args] }: ExecRequest): ExecProcess {
  const child = spawn(file, args, { stdio: 'pipe' });
  return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, exit: new Promise((resolve) => child.once('close', (code) => resolve(code ?? 137))), started: Promise.resolve(true), kill: () => { child.kill('SIGKILL'); }, interrupt: () => { child.kill('SIGINT'); }, resize: () => undefined };
}

/** One file: what is sent is kept, what is asked for is there below /etc, and is a link elsewhere. */
async function fakeArchive(name: string, request: ArchiveRequest, { input, output }: ArchiveStreams, calls: string[]): Promise<PathStat | null> {
  calls.push(`archive ${name} ${JSON.stringify(request)}`);
  for await (const chunk of input ?? []) calls.push(`took ${String(chunk).length}`);
  if (request.verb === 'put') return null;
  if (request.verb !== 'export' && request.path === '/missing') throw new BayplanError('not-found', 'open /missing: No such file or directory');
  const stat: PathStat = { version: 1, size: 3, mode: 0o100644, mtime: 1_700_000_000, nanoseconds: 0, target: '' };
  const to = output?.(stat);
  if (to !== undefined) await new Promise((resolve) => to.write('tar', resolve));
  return stat;
}
