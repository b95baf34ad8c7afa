import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { Container, ContainerSpec, Health, Identity, PublishedPort } from '../../state/container.ts';
import { PublishedPort as PublishedPortSchema } from '../../state/container.ts';
import type { Paths } from '../../state/paths.ts';
import type { Images } from '../image/images.ts';
import type { Kernel } from '../kernel.ts';
import type { Endpoint, Networks, Publication } from '../network/networks.ts';
import { readRecord } from '../record.ts';
import type { Volumes } from '../volume/volumes.ts';
import { findProcess, readExit } from './adopt.ts';
import { filesOf, type ContainerFiles } from './bundle-files.ts';
import type { Containers, ExecProcess, ExecRequest, LogRecord } from './containers.ts';
import { capabilitiesOf } from './capabilities.ts';
import { compiledSeccomp, deleteCgroup, runExec } from './core-process.ts';
import { endpointOf } from './endpoint.ts';
import { readLog } from './log-reader.ts';
import { KeyedMutex } from './mutex.ts';
import { portGroup } from './port-group.ts';
import { ContainerRecord, type ExitRecord, type ReadyLine } from './record.ts';
import { anonymousVolumes, resolveMounts } from './resolve-mounts.ts';
import { seccompProfile } from './seccomp.ts';
import type { ShimClient } from './shim-client.ts';
import { signalNumber } from './signals.ts';
import { spawnShim, StartError } from './spawn-shim.ts';
import { writeBundle } from './write-bundle.ts';

export interface ContainerContext {
  readonly paths: Paths;
  readonly kernel: Kernel;
  readonly images: Images;
  readonly networks: Networks;
  readonly volumes: Volumes;
  /** Path of bayplan-core. */
  readonly core: string;
  readonly now: () => number;
  /** Receives what went wrong where nobody waits for an answer. */
  readonly report: (message: string) => void;
  /** Bytes of one log file, and how many are kept. */
  readonly logMax: number;
  readonly logFiles: number;
}

/** What others than the process itself say of a container. Each field given replaces the one before. */
export interface Note {
  readonly health?: Health;
  readonly healthOutput?: string;
  readonly restarts?: number;
  readonly restartAt?: number;
  readonly held?: boolean;
  readonly ports?: readonly PublishedPort[];
}

export type ContainerEvent = 'created' | 'started' | 'exited' | 'removed' | 'noted';

interface Entry {
  record: ContainerRecord;
  readonly files: ContainerFiles;
  phase: 'created' | 'running' | 'exited' | 'lost';
  ready: ReadyLine | null;
  shim: ShimClient | null;
  /** Resolves when the end of the running process is known. */
  ended: Promise<void>;
  exitCode: number;
  oomKilled: boolean;
  startedAt: number;
  finishedAt: number;
  health: Health;
  healthOutput: string;
  restarts: number;
  restartAt: number;
  held: boolean;
  /** A removal was begun and has to be finished. */
  removing: boolean;
  ports: readonly PublishedPort[];
  /** The public view, made anew after a change. */
  view: Container | null;
}

/** The containers of one engine: records on disk, shims, and what is known of their processes. */
export class ContainerStore implements Containers {
  readonly #context: ContainerContext;
  readonly #entries = new Map<string, Entry>();
  readonly #mutex = new KeyedMutex();
  readonly #listeners = new Set<(event: ContainerEvent, name: string) => void>();
  /** Compiled seccomp programs by the capabilities that they are for. */
  readonly #programs = new Map<string, Promise<string>>();
  /** Resolves once ends may be noticed. */
  readonly #resumed: Promise<void>;
  #resume: () => void = () => undefined;
  /** Paths of records that are written and not yet on disk. */
  readonly #unsynced = new Set<string>();
  #closed = false;

  private constructor(context: ContainerContext) {
    this.#context = context;
    this.#resumed = new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  /** Reads the records, finds running containers again and finishes removals that were begun. What ends from now on is noticed after `resume`. */
  static async open(context: ContainerContext): Promise<ContainerStore> {
    const store = new ContainerStore(context);
    mkdirSync(context.paths.containers, { recursive: true, mode: 0o700 });
    context.kernel.spreadTree(context.paths.containers);
    mkdirSync(context.paths.bundles, { recursive: true, mode: 0o700 });
    const known = new Set<string>();
    await Promise.all(readdirSync(context.paths.containers).map(async (id) => {
      const files = filesOf(context.paths, id);
      let record: ContainerRecord;
      try {
        record = readRecord(files.record, ContainerRecord, 1);
      } catch (error) {
        if (error instanceof BayplanError && error.code === 'record-damaged') return await store.#setAside(id, files, error);
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
        await rm(files.state, { recursive: true, force: true }); // a creation that did not come as far as its record
        return;
      }
      known.add(id.slice(0, 16));
      try {
        await store.#adopt(record, files);
      } catch (error) { // one container must not keep all others from their engine
        context.report(`${record.name}: it could not be adopted: ${error instanceof Error ? error.message : String(error)}`);
        Object.assign(store.#entry(record.name), { phase: 'lost', exitCode: 137, finishedAt: context.now(), view: null });
      }
    }));
    for (const short of readdirSync(context.paths.bundles)) {
      if (known.has(short)) continue;
      const stale = filesOf(context.paths, short.padEnd(64, '0')); // its record is gone: nobody knows this container any more
      await deleteCgroup(context.core, stale.cgroup);
      await rm(stale.bundle, { recursive: true, force: true });
    }
    return store;
  }

  /** Notices ends from now on, those since `open` included: whoever has to act on them knows the containers by now. */
  resume(): void {
    this.#resume();
  }

  /** Calls `listener` after each change, until the returned function is called. */
  onEvent(listener: (event: ContainerEvent, name: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  list(): ReadonlyMap<string, Container> {
    const all = new Map<string, Container>();
    for (const [name, entry] of this.#entries) all.set(name, viewOf(entry));
    return all;
  }

  get(name: string): Container | null {
    const entry = this.#entries.get(name);
    return entry === undefined ? null : viewOf(entry);
  }

  /** Ports that are to lead to the running containers, to restore the table from. */
  publications(): readonly Publication[] {
    return [...this.#entries.values()].filter((entry) => entry.phase === 'running' && entry.ports.length > 0)
      .map((entry) => ({ container: entry.record.id, address: Object.values(entry.record.addresses)[0] ?? '', ports: entry.ports, group: portGroup(entry.record.identity, entry.record.id) }));
  }

  /** Endpoints of the running containers, to restore networks from. */
  endpoints(): readonly Endpoint[] {
    return [...this.#entries.values()].filter((entry) => entry.phase === 'running' && entry.record.spec.networkMode !== 'host')
      .map((entry) => endpointOf(entry.record));
  }

  async create(name: string, identity: Identity, spec: ContainerSpec): Promise<void> {
    await this.#mutex.run(name, async () => {
      if (this.#entries.has(name)) throw new BayplanError('conflict', `container ${name}: the name is in use`);
      const { images, networks, volumes, paths, now } = this.#context;
      const image = images.find(spec.imageId === '' ? spec.image : spec.imageId);
      if (image === null) throw new BayplanError('image-not-found', `container ${name}: image ${spec.image} is not in the store: load it with "bayplan load FILE"`);
      const layers = await images.layers(image.id);
      const id = randomBytes(32).toString('hex');
      const files = filesOf(paths, id);
      const anonymous = anonymousVolumes(id, identity, spec, image);
      for (const volume of Object.values(anonymous)) {
        await volumes.create(volume, identity.stack, { driver: 'local', external: false, driverOpts: {}, labels: { 'com.docker.volume.anonymous': '' } });
      }
      resolveMounts(name, spec, anonymous, (volume) => volumes.mountpoint(volume)); // a missing source is said here, before anything is made
      await this.#copyUp(spec, anonymous, layers.map((layer) => join(paths.layers, layer)));
      const addresses: Record<string, string> = {};
      try {
        for (const [network, attachment] of Object.entries(spec.networks)) addresses[network] = networks.allocate(network, id, attachment.ipv4Address);
        mkdirSync(files.state, { mode: 0o700 });
        mkdirSync(files.upper, { mode: 0o755 });
        mkdirSync(files.work, { mode: 0o700 });
        const record: ContainerRecord = {
          version: 1, id, name, identity, spec: { ...spec, imageId: image.id }, createdAt: now(), addresses, anonymousVolumes: anonymous,
          error: '', errorCode: 0,
        };
        this.#entries.set(name, newEntry(record, files));
        this.#save(record, files);
      } catch (error) {
        this.#entries.delete(name);
        for (const network of Object.keys(addresses)) networks.release(network, id);
        await rm(files.state, { recursive: true, force: true });
        throw error;
      }
    });
    this.#emit('created', name);
  }

  async start(name: string): Promise<void> {
    await this.#mutex.run(name, async () => {
      const entry = this.#entry(name);
      if (entry.phase === 'running') return;
      const { kernel, images, networks, volumes, paths, core, logMax, logFiles } = this.#context;
      const { record, files } = entry;
      if (entry.phase !== 'created') rmSync(files.exit, { force: true });
      if (record.error !== '') this.#update(entry, { error: '', errorCode: 0 });
      Object.assign(entry, { phase: 'created', exitCode: 0, oomKilled: false, restartAt: 0, health: 'none', healthOutput: '', ports: [], view: null });
      try {
        const image = images.find(record.spec.imageId);
        if (image === null) throw new BayplanError('image-not-found', `container ${name}: image ${record.spec.image} (${record.spec.imageId}) has left the store`);
        const fresh = mkdirSync(files.bundle, { recursive: true, mode: 0o700 }) !== undefined;
        if (!fresh) for (const stale of [files.pid, files.socket, files.ports, files.spareExit]) rmSync(stale, { force: true });
        const layers = await images.layers(image.id);
        const mounts = resolveMounts(name, record.spec, record.anonymousVolumes, (volume) => volumes.mountpoint(volume));
        const netns = record.spec.networkMode === 'host' ? null : await networks.connect(endpointOf(record));
        writeBundle({ paths, record, files, image, layers, mounts, netns, seccompBpf: await this.#seccomp(record.spec), gateway: this.#gateway(record) });
        const attached = Object.keys(record.spec.networks);
        const started = await spawnShim(kernel, name, files, {
          core, logMax, logFiles, zones: networks.zoneFiles(attached),
          internal: attached.length > 0 && attached.every((network) => networks.list().get(network)?.spec.internal === true),
        });
        entry.ready = started.ready;
        this.#watch(entry, started.shim);
        entry.startedAt = this.#context.now();
      } catch (error) {
        const died = error instanceof BayplanError && error.code === 'shim-gone';
        if (died) await deleteCgroup(core, files.cgroup); // a shim that gives up takes its container away itself
        const exitCode = error instanceof StartError ? error.exitCode : 125;
        Object.assign(entry, { ready: null, phase: 'exited', exitCode, finishedAt: this.#context.now() });
        this.#update(entry, { error: error instanceof Error ? error.message : String(error), errorCode: exitCode });
        await networks.disconnect(record.id);
        this.#emit('noted', name);
        throw error;
      }
    });
    this.#emit('started', name);
  }

  async stop(name: string, signal: string | null, graceMs: number): Promise<void> {
    await this.#mutex.run(name, () => Promise.resolve()); // a start that is on its way comes first
    const entry = this.#entry(name);
    if (entry.phase !== 'running' || entry.shim === null) return;
    const image = this.#context.images.find(entry.record.spec.imageId);
    const first = signalNumber(signal ?? entry.record.spec.stopSignal ?? (image?.config.stopSignal || 'SIGTERM'));
    await sendSignal(entry.shim, first, false);
    if (!(await settledWithin(entry.ended, graceMs))) await sendSignal(entry.shim, SIGKILL, true);
    await entry.ended;
    await this.#mutex.run(name, () => Promise.resolve()); // what the end sets going (links, names) has been done
  }

  async signal(name: string, signal: string): Promise<void> {
    const entry = this.#entry(name);
    if (entry.phase !== 'running' || entry.shim === null) throw new BayplanError('conflict', `container ${name} is not running`);
    const number = signalNumber(signal);
    await entry.shim.signal(number, number === SIGKILL);
  }

  async remove(name: string): Promise<void> {
    await this.#mutex.run(name, async () => {
      const entry = this.#entry(name);
      Object.assign(entry, { removing: true, view: null });
      if (entry.phase === 'running' && entry.shim !== null) {
        mark(entry.files.removing);
        await sendSignal(entry.shim, SIGKILL, true);
        await entry.ended;
      }
      await this.#finishRemoval(entry);
    });
    this.#emit('removed', name);
  }

  async exec(name: string, request: ExecRequest): Promise<ExecProcess> {
    const entry = this.#entry(name);
    const image = this.#context.images.find(entry.record.spec.imageId);
    if (entry.phase !== 'running' || entry.ready === null || image === null) throw new BayplanError('conflict', `container ${name} is not running`);
    const seccompBpf = await this.#seccomp(entry.record.spec);
    return runExec({ core: this.#context.core, record: entry.record, files: entry.files, ready: entry.ready, image, seccompBpf }, request);
  }

  logs(name: string, options: { tail: number | null; follow: boolean; signal: AbortSignal }): AsyncIterable<LogRecord> {
    const entry = this.#entry(name);
    return readLog(entry.files.log, { ...options, ended: () => entry.phase !== 'running' || this.#entries.get(name) !== entry });
  }

  /** Sets what others than the process know of a container. */
  note(name: string, note: Note): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    if (note.held !== undefined && note.held !== entry.held) {
      if (note.held) mark(entry.files.held);
      else rmSync(entry.files.held, { force: true });
    }
    Object.assign(entry, note, { view: null });
    if (entry.phase === 'running' || note.restarts !== undefined) {
      if (note.ports !== undefined) writeFileSync(entry.files.ports, JSON.stringify({ version: 1, ports: note.ports }));
      if (note.restarts !== undefined && existsSync(entry.files.bundle)) writeFileSync(entry.files.restarts, String(note.restarts));
    }
    this.#emit('noted', name);
  }

  /** Makes the records durable that were written since the last time: their bytes, then, with one journal commit for all, their names. */
  async flush(): Promise<void> {
    const records = [...this.#unsynced];
    this.#unsynced.clear();
    if (records.length > 0) await this.#context.kernel.sync([...records, this.#context.paths.containers]);
  }

  /** Lets go of all shims; the containers go on. */
  close(): void {
    this.#closed = true;
    for (const entry of this.#entries.values()) entry.shim?.close();
  }

  #entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new BayplanError('not-found', `no such container: ${name}`);
    return entry;
  }

  #emit(event: ContainerEvent, name: string): void {
    for (const listener of this.#listeners) listener(event, name);
  }

  #update(entry: Entry, change: Partial<ContainerRecord>): void {
    entry.record = { ...entry.record, ...change };
    entry.view = null;
    this.#save(entry.record, entry.files);
  }

  /** Whole by rename; made durable with all others of a pass by `flush`, since one journal commit serves them all. */
  #save(record: ContainerRecord, files: ContainerFiles): void {
    this.#unsynced.add(files.record);
    const temporary = `${files.record}.tmp`;
    writeFileSync(temporary, JSON.stringify(record), { mode: 0o600 });
    renameSync(temporary, files.record);
  }

  async #copyUp(spec: ContainerSpec, anonymous: Readonly<Record<string, string>>, layers: readonly string[]): Promise<void> {
    const volumes = new Map(Object.entries(anonymous));
    for (const mount of spec.mounts) {
      if (mount.type === 'volume' && mount.source !== null && !mount.nocopy && mount.subpath === '') volumes.set(mount.target, mount.source);
    }
    for (const [target, volume] of volumes) await this.#context.volumes.copyUp(volume, layers, target);
  }

  async #adopt(record: ContainerRecord, files: ContainerFiles): Promise<void> {
    const entry = { ...newEntry(record, files), held: existsSync(files.held), removing: existsSync(files.removing), restarts: readRestarts(files) };
    this.#entries.set(record.name, entry);
    const { networks } = this.#context;
    for (const [network, address] of Object.entries(record.addresses)) if (networks.list().has(network)) networks.allocate(network, record.id, address);
    const found = await findProcess(this.#context.kernel, files);
    if (entry.removing) {
      if (found.state === 'running') {
        await sendSignal(found.shim, SIGKILL, true);
        await found.shim.gone;
      }
      if (readExit(files) === null) await deleteCgroup(this.#context.core, files.cgroup);
      await this.#finishRemoval(entry);
    } else if (found.state === 'running') {
      entry.ready = found.ready;
      entry.startedAt = Math.round(statSync(files.pid).mtimeMs);
      entry.ports = readPorts(files);
      this.#watch(entry, found.shim);
    } else if (found.state === 'exited') {
      Object.assign(entry, { phase: 'exited', exitCode: found.exit.exitCode, oomKilled: found.exit.oomKilled, startedAt: found.exit.startedAt, finishedAt: found.exit.finishedAt });
    } else if (record.error !== '' || existsSync(files.log)) { // a shim makes it first of all: a start was begun
      // Its shim was killed, or the machine went down: no end was recorded.
      await deleteCgroup(this.#context.core, files.cgroup);
      Object.assign(entry, { phase: record.error === '' ? 'lost' : 'exited', exitCode: record.error === '' ? 137 : record.errorCode, finishedAt: this.#context.now() });
    }
  }

  /** A record that cannot be read: its container is ended, its files are kept for whoever wants to look. */
  async #setAside(id: string, files: ContainerFiles, error: BayplanError): Promise<void> {
    const { core, paths, report } = this.#context;
    await deleteCgroup(core, files.cgroup);
    const aside = join(paths.root, 'damaged');
    mkdirSync(aside, { recursive: true, mode: 0o700 });
    renameSync(files.state, join(aside, id));
    report(`${error.message}; its container was ended and its files are kept in ${join(aside, id)}`);
  }

  #watch(entry: Entry, shim: ShimClient): void {
    Object.assign(entry, { shim, phase: 'running', view: null });
    entry.ended = shim.gone.then(async () => {
      await this.#resumed;
      if (!this.#closed && entry.shim === shim) await this.#gone(entry);
    });
  }

  /** The connection to a shim has ended. Without an exit file that need not be the shim's end: only a lock that is free proves it. */
  async #gone(entry: Entry): Promise<void> {
    const { kernel, core, report } = this.#context;
    let exit = readExit(entry.files);
    try {
      const found = exit === null ? await findProcess(kernel, entry.files) : null;
      if (found?.state === 'running') {
        this.#watch(entry, found.shim);
        return await entry.ended;
      }
      if (found?.state === 'exited') exit = found.exit;
      if (found?.state === 'none') await deleteCgroup(core, entry.files.cgroup);
    } catch (error) {
      report(`${entry.record.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.#ended(entry, exit);
  }

  #ended(entry: Entry, exit: ExitRecord | null): void {
    Object.assign(entry, {
      phase: exit === null ? 'lost' : 'exited', exitCode: exit?.exitCode ?? 137, oomKilled: exit?.oomKilled ?? false,
      startedAt: exit?.startedAt ?? entry.startedAt, finishedAt: exit?.finishedAt ?? this.#context.now(),
      ready: null, shim: null, ports: [], health: 'none', view: null,
    });
    // Queued at once, so that it comes before any start that the event below brings about.
    this.#mutex.run(entry.record.name, () => this.#context.networks.disconnect(entry.record.id)).catch((error: unknown) => {
      this.#context.report(`${entry.record.name}: ${error instanceof Error ? error.message : String(error)}`);
    });
    this.#emit('exited', entry.record.name);
  }

  async #finishRemoval(entry: Entry): Promise<void> {
    const { networks } = this.#context;
    const { record, files } = entry;
    rmSync(files.record, { force: true }); // before the rest: half a container must not be taken for a whole one
    await networks.disconnect(record.id);
    for (const network of Object.keys(record.addresses)) networks.release(network, record.id);
    await Promise.all([files.bundle, files.state].map((folder) => this.#context.kernel.removeTree(folder)));
    this.#entries.delete(record.name);
  }

  /** Where `host-gateway` leads: the gateway of the network that gives the default route. */
  #gateway(record: ContainerRecord): string {
    const first = endpointOf(record).attachments[0];
    return (first === undefined ? undefined : this.#context.networks.list().get(first.network)?.status?.gateway) ?? '127.0.0.1';
  }

  /** The default profile depends on what the container may do, so it is compiled for its capabilities. */
  #seccomp(spec: ContainerSpec): Promise<string | null> {
    const capabilities = capabilitiesOf(spec);
    const key = capabilities.join();
    let program = this.#programs.get(key);
    if (program === undefined) {
      program = compiledSeccomp(this.#context.paths, this.#context.core, seccompProfile(capabilities));
      program.catch(() => this.#programs.delete(key)); // told to those who wait for it; the next one tries again
      this.#programs.set(key, program);
    }
    return program;
  }
}

const SIGKILL = 9;
/** setTimeout fires at once for more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Writes an empty file that says something. On a full disk what is to be removed goes unmarked rather than not at all. */
function mark(path: string): void {
  try {
    writeFileSync(path, '');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
}

function newEntry(record: ContainerRecord, files: ContainerFiles): Entry {
  return {
    record, files, phase: 'created', ready: null, shim: null, ended: Promise.resolve(), exitCode: 0, oomKilled: false, startedAt: 0, finishedAt: 0,
    health: 'none', healthOutput: '', restarts: 0, restartAt: 0, held: false, removing: false, ports: [], view: null,
  };
}

function viewOf(entry: Entry): Container {
  const { record } = entry;
  entry.view ??= {
    identity: record.identity,
    spec: record.spec,
    status: {
      id: record.id, phase: entry.removing ? 'removing' : entry.phase, pid: entry.ready?.pid ?? 0, exitCode: entry.exitCode, oomKilled: entry.oomKilled,
      error: record.error, createdAt: record.createdAt, startedAt: entry.startedAt, finishedAt: entry.finishedAt,
      health: entry.health, healthOutput: entry.healthOutput, restarts: entry.restarts, restartAt: entry.restartAt, held: entry.held,
      addresses: record.addresses, ports: [...entry.ports],
    },
  };
  return entry.view;
}

function readRestarts(files: ContainerFiles): number {
  return existsSync(files.restarts) ? Number(readFileSync(files.restarts, 'utf8')) : 0;
}

function readPorts(files: ContainerFiles): readonly PublishedPort[] {
  try {
    const value: unknown = JSON.parse(readFileSync(files.ports, 'utf8'));
    return PublishedPortSchema.array().parse(typeof value === 'object' && value !== null && 'ports' in value ? value.ports : []);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/** A container that ended meanwhile needs no signal. */
async function sendSignal(shim: ShimClient | null, signal: number, all: boolean): Promise<void> {
  try {
    await shim?.signal(signal, all);
  } catch (error) {
    if (!(error instanceof BayplanError && error.code === 'shim-gone')) throw error;
  }
}

async function settledWithin(promise: Promise<void>, ms: number): Promise<boolean> {
  if (ms > LONGEST_TIMER_MS) return promise.then(() => true);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
