import type { Duplex, Readable } from 'node:stream';
import { mkdirSync } from 'node:fs';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { Attachment, Container, ContainerChanges, ContainerSpec, Identity } from '../../state/container.ts';
import { volumesUsedBy } from '../../state/volume-users.ts';
import type { ImageUser } from '../image/images.ts';
import { DefaultProfile } from './apparmor.ts';
import type { InhabitedNamespace, Publication, Survivor } from '../network/networks.ts';
import { adoptAll } from './adoption.ts';
import type { AsideContainer } from './aside-container.ts';
import type { ArchiveRequest, ArchiveStreams, PathStat } from './archive.ts';
import type { Change } from './changes.ts';
import { Claims } from './claims.ts';
import type { ContainerContext } from './container-context.ts';
import { newEntry, setEnded, viewOf, type ContainerEntry } from './container-entry.ts';
import { archiveOf, checkStorage, containerChanges } from './container-files.ts';
import { mark, noteEntry, type Note } from './container-notes.ts';
import { ContainerLooks } from './container-looks.ts';
import { ContainerRecords } from './container-records.ts';
import type { AttachParts, ConsoleSize, ContainerEvent, Containers, ExecProcess, ExecRequest, LogRecord, RemoveHow } from './containers.ts';
import { ContainerSignals } from './container-signals.ts';
import { attachStdio, letStdioGo } from './container-stdio.ts';
import { execIn } from './exec-in.ts';
import { readLog } from './log-reader.ts';
import { checkMaking, makeContainer } from './make-container.ts';
import { connectNetwork, disconnectNetwork, finishChange, type Membership, renamed } from './membership.ts';
import { hostGateway } from './launch-container.ts';
import { leaveHost } from './leave-host.ts';
import { KeyedMutex } from './mutex.ts';
import { findEntry, inhabitantsOf, inhabitedNamespaces, inhabitedUsers, publicationsOf, survivorsOf } from './neighbours.ts';
import { ownerText } from './owner-text.ts';
import type { PendingChanges } from './pending-changes.ts';
import { processesOf } from './processes.ts';
import type { ContainerRecord, ExitRecord } from './record.ts';
import { removeRemains } from './removal.ts';
import { SeccompPrograms } from './seccomp-programs.ts';
import { ShimWatch } from './shim-watch.ts';
import { withSharedMounts } from './shared-mounts.ts';
import { SpecChanges } from './spec-changes.ts';
import { startEntry } from './start-entry.ts';
import { usageOf, type Usage } from './usage.ts';

/** The containers of one engine: records on disk, shims, and what is known of their processes. */
export class ContainerStore implements Containers {
  readonly #context: ContainerContext;
  readonly #entries = new Map<string, ContainerEntry>();
  /** Those whose records cannot be read: what they use stays theirs. */
  readonly #aside: AsideContainer[] = [];
  readonly #mutex = new KeyedMutex();
  readonly #claims = new Claims(this.#entries, this.#aside);
  readonly #listeners = new Set<(event: ContainerEvent, name: string, detail: string) => void>();
  readonly #programs: SeccompPrograms;
  readonly #pinOf = (id: string): string => this.#context.networks.pin(id);
  readonly #apparmor = new DefaultProfile();
  readonly #records: ContainerRecords;
  readonly #shims: ShimWatch;
  readonly #signals: ContainerSignals;
  readonly #changes: SpecChanges;
  /** What of those that run is not as it was made. */
  readonly looks: ContainerLooks;

  private constructor(context: ContainerContext) {
    this.#context = context;
    this.#programs = new SeccompPrograms(context.paths, context.core);
    this.#records = new ContainerRecords(context);
    this.#signals = new ContainerSignals(context.images, (event, name, detail) => this.#emit(event, name, detail));
    const alone = (name: string, work: (entry: ContainerEntry) => Promise<void>): Promise<void> => this.#mutex.run(name, () => work(this.#entry(name)));
    this.#changes = new SpecChanges({
      context, entries: this.#entries, alone, update: (entry, change) => this.#update(entry, change), signal: (entry, signal) => this.#signals.send(entry, signal), exec: (name, request) => this.exec(name, request), updated: (name) => this.#emit('updated', name),
    });
    this.looks = new ContainerLooks({ context, entries: this.#entries, alone, save: ({ record, files }) => this.#records.save(record, files), flush: () => this.#records.flush() });
    this.#shims = new ShimWatch({ context, ended: (entry, exit) => this.#ended(entry, exit), outOfMemory: ({ record }) => this.#emit('oom', record.name) });
  }

  /** Reads the records, finds running containers again and finishes removals that were begun. What ends from now on is noticed after `resume`. */
  static async open(context: ContainerContext): Promise<ContainerStore> {
    const store = new ContainerStore(context);
    mkdirSync(context.paths.containers, { recursive: true, mode: 0o700 });
    context.kernel.spreadTree(context.paths.containers);
    mkdirSync(context.paths.bundles, { recursive: true, mode: 0o700 });
    try {
      await adoptAll({ context, entries: store.#entries, aside: store.#aside, watch: (entry, shim) => store.#shims.watch(entry, shim), written: ({ files }) => store.#records.noted(files, true) });
      await context.userNamespaces.restore(inhabitedUsers(store.#entries), store.asideIds());
    } catch (error) {
      store.close();
      throw error;
    }
    return store;
  }

  /** Notices ends from now on, those since `open` included: whoever has to act on them knows the containers by now. */
  resume(): void {
    this.#shims.resume();
  }

  /** Changes of stacks' containers that an engine before this one had begun. */
  get changing(): PendingChanges {
    return this.#changes.pending;
  }

  onEvent(listener: (event: ContainerEvent, name: string, detail: string) => void): () => void {
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

  /** Who needs images: containers that are being made too. */
  imageUsers(): readonly ImageUser[] {
    return this.#claims.imageUsers();
  }

  /** Names of the containers that use a volume, of those that are being made too. */
  volumeUsers(volume: string): readonly string[] {
    return this.#claims.volumeUsers(volume);
  }

  /** Ports that are to lead to the running containers, to restore the table from. */
  publications(): readonly Publication[] {
    return publicationsOf(this.#entries);
  }

  /** Network namespaces that running containers live in, to restore networks from. */
  namespaces(): readonly InhabitedNamespace[] {
    return inhabitedNamespaces(this.#entries, this.#context.images, this.#pinOf);
  }

  /** Who runs on where a container was that is removed. */
  survivors(): readonly Survivor[] {
    return survivorsOf(this.#entries, this.#pinOf);
  }

  /** Ids of those whose records cannot be read. */
  asideIds(): readonly string[] {
    return this.#aside.map(({ id }) => id);
  }

  async create(name: string, identity: Identity, asked: ContainerSpec): Promise<void> {
    await this.#mutex.run(name, async () => {
      this.#context.asides.refuse('container', name);
      const holder = this.#entries.get(name);
      if (holder !== undefined) throw new BayplanError('conflict', `container ${name}: the name is in use by ${ownerText(holder.record.identity)}: remove that, or choose another name`);
      const spec = withSharedMounts(name, asked, (ref) => {
        const found = findEntry(this.#entries, ref);
        return found === null ? null : viewOf(found);
      });
      const making = checkMaking(this.#context, { name, identity, spec }, () => this.#claims.users());
      const claim = (anonymousVolumes: Readonly<Record<string, string>>): void => {
        this.#claims.set(name, { imageIds: [making.image.id, ...Object.values(making.mountedImages)], volumes: volumesUsedBy(spec, anonymousVolumes), users: making.users });
      };
      claim({});
      try {
        await makeContainer(this.#context, making, claim, (record, files) => {
          this.#records.save(record, files);
          this.#entries.set(name, newEntry(record, files));
        });
      } finally {
        this.#claims.delete(name);
      }
    });
    this.#emit('created', name);
  }

  async start(name: string): Promise<void> {
    await this.#mutex.run(name, async () => {
      const entry = this.#entry(name);
      if (entry.phase === 'running') return;
      await startEntry({
        context: this.#context, entries: this.#entries, programs: this.#programs, apparmor: this.#apparmor, update: (change) => this.#update(entry, change), forgotEnd: ({ files }) => this.#records.noted(files, true),
        watch: (one, shim) => this.#shims.watch(one, shim), release: (one) => this.#release(one), noted: () => this.#emit('noted', name),
      }, entry);
    });
    this.#emit('started', name);
  }

  async stop(name: string, signal: string | null, graceMs: number): Promise<void> {
    await this.#mutex.run(name, () => Promise.resolve()); // a start that is on its way comes first
    const entry = this.#entry(name);
    if (entry.phase !== 'running') return;
    await this.#signals.stop(entry, signal, graceMs);
    await this.#mutex.run(name, () => Promise.resolve()); // what the end sets going (links, names) has been done
    this.#emit('stopped', name);
  }

  async signal(name: string, signal: string): Promise<void> {
    await this.#signals.send(this.#entry(name), signal);
  }

  async pause(name: string, on: boolean, forWork = false): Promise<void> {
    await this.#mutex.run(name, () => this.#signals.pause(this.#entry(name), on, forWork));
    this.#emit(on ? 'paused' : 'unpaused', name);
  }

  async remove(name: string, { volumes = false, ended = false }: RemoveHow = {}): Promise<void> {
    const asked = this.#entries.get(name);
    const removed = await this.#mutex.run(name, async () => {
      if (asked !== undefined && this.#entries.get(name) !== asked) return false; // another removal was quicker, which is all that was asked for
      const entry = this.#entry(name);
      if (ended && entry.phase === 'running') throw new BayplanError('conflict', `container ${name} is running: stop it first, or force its removal`);
      Object.assign(entry, { removing: true, view: null });
      if (entry.phase === 'running' && entry.shim !== null) {
        mark(entry.files.removing);
        await this.#signals.kill(entry);
      }
      letStdioGo(this.#context.kernel, entry);
      await removeRemains(this.#context, entry);
      this.#entries.delete(name);
      this.#records.forget(entry.files);
      if (volumes) for (const volume of Object.values(entry.record.anonymousVolumes)) await this.#context.volumes.remove(volume).catch(ignoreUsed);
      return true;
    });
    if (removed) this.#emit('removed', name);
  }

  async rename(name: string, to: string): Promise<void> {
    await this.#mutex.run(name, async () => {
      const entry = this.#entry(name);
      this.#context.asides.refuse('container', to);
      if (this.#entries.has(to) || this.#claims.isMaking(to)) throw new BayplanError('conflict', `the name "${to}" is in use: remove or rename that container, or take another name`);
      this.#update(entry, { name: to });
      this.#entries.delete(name);
      this.#entries.set(to, entry);
      await renamed(entry, this.#membership(entry));
    });
    this.#emit('renamed', to, name);
  }

  async connect(name: string, network: string, attachment: Attachment, made = false): Promise<void> {
    await this.#mutex.run(name, async () => {
      const entry = this.#entry(name);
      await connectNetwork(entry, { network, attachment, made }, this.#membership(entry));
    });
    this.#emit('connected', name, network);
  }

  async disconnect(name: string, network: string): Promise<void> {
    await this.#mutex.run(name, async () => {
      const entry = this.#entry(name);
      await disconnectNetwork(entry, network, this.#membership(entry));
    });
    this.#emit('disconnected', name, network);
  }

  /** Finishes changes of networks that an engine before this one had begun. Networks have to be restored by then. */
  async finishConnections(): Promise<void> {
    for (const entry of this.#entries.values()) if (entry.phase === 'running') await finishChange(entry, this.#membership(entry));
  }

  /** Begins to finish changes of limits and contents likewise. */
  finishChanges(): void {
    this.#changes.finish();
  }

  async update(name: string, changes: ContainerChanges): Promise<void> {
    await this.#changes.make(name, changes);
  }

  async mend(name: string): Promise<void> {
    await this.looks.mend(name);
  }

  processes(name: string): readonly number[] {
    return processesOf(this.#entry(name).files.cgroup);
  }

  usage(name: string): Usage | null {
    const { phase, ready, files, record } = this.#entry(name);
    return phase !== 'running' || ready === null ? null : usageOf(files.cgroup, ready.pid, record.spec.networkMode !== 'host');
  }

  async archive(name: string, request: ArchiveRequest, streams: ArchiveStreams): Promise<PathStat | null> {
    const entry = this.#entry(name);
    if (entry.phase === 'running' && entry.ready !== null) return await archiveOf(this.#context, entry, request, streams);
    return await this.#mutex.run(name, () => archiveOf(this.#context, entry, request, streams)); // its root is mounted by one at a time
  }

  async written(name: string): Promise<number> {
    const { record, files } = this.#entry(name);
    const { storage, images } = this.#context;
    return record.storage === storage.name ? await storage.usage(files, () => images.layers(record.spec.imageId)) : 0;
  }

  async layer(name: string): Promise<Readable> {
    const { record, files } = this.#entry(name);
    const { storage, images } = this.#context;
    checkStorage(storage, record);
    return await storage.layer(files, await images.layers(record.spec.imageId), record.users);
  }

  async changes(name: string): Promise<readonly Change[]> {
    return await containerChanges(this.#context, this.#entry(name));
  }

  async exec(name: string, request: ExecRequest): Promise<ExecProcess> {
    return await execIn({ context: this.#context, programs: this.#programs, apparmor: this.#apparmor }, this.#entry(name), request);
  }

  async attach(name: string, parts: AttachParts): Promise<Duplex> {
    await this.#mutex.run(name, () => Promise.resolve()); // a start that is on its way has its connections by now
    return await attachStdio(this.#context.kernel, this.#entry(name), parts);
  }

  async resize(name: string, size: ConsoleSize): Promise<void> {
    const entry = this.#entry(name);
    entry.consoleSize = size;
    if (entry.phase === 'running') await entry.shim?.resize(size);
  }

  logs(name: string, options: { tail: number | null; follow: boolean; signal: AbortSignal }): AsyncIterable<LogRecord> {
    const entry = this.#entry(name);
    if (entry.record.spec.logging.driver === 'none') throw new BayplanError('bad-request', `container ${name}: its output is not kept (logging driver "none")`);
    return readLog(entry.files.log, { ...options, ended: () => entry.phase !== 'running' || this.#entries.get(name) !== entry });
  }

  /** Sets what others than the process know of a container. */
  note(name: string, note: Note): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    if (noteEntry(entry, note, (line) => this.#context.report(`${name}: ${line}`)) && !entry.record.spec.autoRemove) this.#records.noted(entry.files, false);
    if (note.health !== undefined) {
      const passes = note.health === 'healthy' || note.health === 'none';
      this.#inBackground(name, this.#context.networks.setReady(entry.record.id, passes));
    }
    this.#emit('noted', name);
  }

  /** Makes all records durable that were written since the last time. */
  async flush(): Promise<void> {
    await this.#records.flush();
  }

  /** Lets go of all shims; the containers go on. */
  close(): void {
    this.#records.close();
    this.#shims.close();
    this.#context.userNamespaces.close();
  }

  #entry(name: string): ContainerEntry {
    const entry = this.#entries.get(name);
    if (entry === undefined) this.#context.asides.refuse('container', name);
    if (entry === undefined) throw new BayplanError('not-found', `No such container: ${name}`);
    return entry;
  }

  #emit(event: ContainerEvent, name: string, detail = ''): void {
    for (const listener of this.#listeners) listener(event, name, detail);
  }

  #membership(entry: ContainerEntry): Membership {
    return { context: this.#context, inhabitants: inhabitantsOf(this.#entries, entry.record, this.#pinOf), update: (change) => this.#update(entry, change), gateway: hostGateway(this.#context, entry.record) };
  }

  #update(entry: ContainerEntry, change: Partial<ContainerRecord>): void {
    entry.record = { ...entry.record, ...change };
    entry.view = null;
    this.#records.save(entry.record, entry.files);
  }

  #ended(entry: ContainerEntry, exit: ExitRecord | null): void {
    setEnded(entry, exit, this.#context.now());
    if (!entry.record.spec.autoRemove && !entry.removing) this.#records.noted(entry.files, !entry.held && !entry.interrupted); // whoever has asked for its end waits for a flush
    // Queued at once, so that it comes before any start that the event below brings about.
    // One that goes with its end gives all that back in its removal, which the event brings about.
    if (!entry.record.spec.autoRemove) this.#inBackground(entry.record.name, this.#mutex.run(entry.record.name, () => this.#release(entry)));
    this.#emit('exited', entry.record.name);
  }

  #inBackground(name: string, work: Promise<void>): void {
    work.catch((error: unknown) => this.#context.report(`${name}: ${error instanceof Error ? error.message : String(error)}`));
  }

  /** What only a container that runs needs: its root's mount, links, names, volumes that are mounts. */
  async #release({ record, files }: ContainerEntry): Promise<void> {
    await leaveHost(this.#context, files);
    await this.#context.networks.disconnect(record.id);
    await this.#context.userNamespaces.leave(record.id);
    await this.#context.volumes.detach(volumesUsedBy(record.spec, record.anonymousVolumes), record.id);
  }
}

/** A volume that somebody else uses by now stays. */
function ignoreUsed(error: unknown): void {
  if (!(error instanceof BayplanError && error.code === 'conflict')) throw error;
}
