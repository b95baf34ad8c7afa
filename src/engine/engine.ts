import { join } from 'node:path';
import { plan } from '../plan/plan.ts';
import { type Asker, ExclusiveRunner } from '../reconcile/exclusive.ts';
import { runPass, type PassResult } from '../reconcile/pass.ts';
import type { Executor } from '../reconcile/executor.ts';
import { runtimeExecutor, type Runtime } from '../reconcile/runtime-executor.ts';
import { ContainerStore } from '../runtime/container/container-store.ts';
import { installCore } from '../runtime/installed-core.ts';
import { createImages } from '../runtime/image/image-store.ts';
import type { Images } from '../runtime/image/images.ts';
import { RegistryClient } from '../runtime/image/registry/registry-client.ts';
import { loadKernel } from '../runtime/kernel.ts';
import { createNetworks } from '../runtime/network/network-store.ts';
import type { Networks } from '../runtime/network/networks.ts';
import { enterOwnCgroup } from '../runtime/own-cgroup.ts';
import { createVolumes } from '../runtime/volume/volume-store.ts';
import type { Volumes } from '../runtime/volume/volumes.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Container } from '../state/container.ts';
import type { PassEvent, PlanAnswer, Source, StackAnswer, StackRequest } from '../state/messages.ts';
import type { CredentialsByHost } from '../state/registry-credentials.ts';
import { DEFAULT_ROOT, pathsOf, type Paths } from '../state/paths.ts';
import { nothingDesired, type Desired } from '../state/state.ts';
import type { Volume, VolumeSpec } from '../state/volume.ts';
import { ContentStore } from './content-store.ts';
import { diskUsage, type DiskUsage } from './disk-usage.ts';
import { readEngineConfig } from './engine-config.ts';
import { EventLog } from './event-log.ts';
import { actualState } from './observe.ts';
import { resolveContents, type ResolvedContents } from './resolve-contents.ts';
import { ensureRootRecord } from './root-record.ts';
import { openRunFolder, type RunFolder } from './run-folder.ts';
import { SingleContainers } from './single-containers.ts';
import { StackStore, type StackRecord } from './stack-store.ts';
import { Supervisor } from './supervisor.ts';
import { createVolume, pruneVolumes, removeVolume } from './volume-requests.ts';

export interface EngineOptions {
  /** Absolute path of the root folder. */
  readonly root?: string;
  /** Folder with `bayplan-core` and `libbayplan.so`. */
  readonly build: string;
  readonly version: string;
  /** Receives a line where something went wrong and nobody waits for an answer. */
  readonly report?: (line: string) => void;
  /** Bytes of one log file, and how many are kept of a container. */
  readonly logMax?: number;
  readonly logFiles?: number;
  /** Move this process into a cgroup of its own. */
  readonly ownCgroup?: boolean;
}

/** Steps of one stack that run at the same time. */
const CONCURRENCY = 16;

/**
 * The engine of one root folder: the only writer of its state. It may be killed at any instruction; the next one opened on the same root finds
 * everything again.
 */
export class Engine {
  readonly version: string;
  readonly startedAt = Date.now();
  readonly root: string;
  readonly paths: Paths;
  readonly images: Images;
  readonly containers: ContainerStore;
  readonly networks: Networks;
  readonly volumes: Volumes;
  readonly events: EventLog;
  readonly #stacks: StackStore;
  readonly #contents: ContentStore;
  /** Requests whose contents are kept, and not yet named by a desired state. */
  #admitting = 0;
  readonly #supervisor: Supervisor;
  readonly #runner = new ExclusiveRunner<PassResult>();
  readonly #runtime: Omit<Runtime, 'pull'>;
  readonly #single: SingleContainers;
  readonly #runFolder: RunFolder;

  private constructor(options: EngineOptions, parts: {
    paths: Paths; images: Images; containers: ContainerStore; networks: Networks; volumes: Volumes; stacks: StackStore; contents: ContentStore; supervisor: Supervisor; runFolder: RunFolder;
  }) {
    this.version = options.version;
    this.root = parts.paths.root;
    this.paths = parts.paths;
    this.images = parts.images;
    this.containers = parts.containers;
    this.networks = parts.networks;
    this.volumes = parts.volumes;
    this.#stacks = parts.stacks;
    this.#contents = parts.contents;
    this.#supervisor = parts.supervisor;
    this.#runFolder = parts.runFolder;
    const { containers, supervisor } = parts;
    this.events = new EventLog(containers, () => Date.now());
    this.#runtime = {
      networks: parts.networks, volumes: parts.volumes,
      containers: {
        create: (name, identity, spec) => containers.create(name, identity, spec),
        start: (name) => supervisor.start(name),
        stop: (name, signal, graceMs) => supervisor.stop(name, signal, graceMs),
        remove: (name) => supervisor.remove(name),
      },
      publish: (name, on) => supervisor.publish(name, on),
      waitFor: (name, until, signal) => supervisor.waitFor(name, until, signal),
    };
    this.#single = new SingleContainers(this, this.#executor({}));
  }

  /** Takes the root's lock, reads its state and adopts what runs. Throws BayplanError `engine-running` where another engine has it. */
  static async open(options: EngineOptions): Promise<Engine> {
    const paths = pathsOf(options.root ?? DEFAULT_ROOT);
    const report = options.report ?? (() => undefined);
    const now = (): number => Date.now();
    const kernel = loadKernel(join(options.build, 'libbayplan.so'));
    const runFolder = await openRunFolder(paths, kernel);
    let opened: { readonly containers: ContainerStore; readonly networks: Networks } | null = null;
    try {
      if (options.ownCgroup === true) enterOwnCgroup(paths.cgroup).forEach(report);
      await ensureRootRecord(paths, now());
      const config = readEngineConfig(paths.config);
      const core = installCore(kernel, paths, join(options.build, 'bayplan-core'));
      const stacks = new StackStore(paths.stacks);
      let containers: ContainerStore | null = null;
      const [contents, images, volumes, networks] = await Promise.all([
        ContentStore.open(paths.contents), createImages({ paths, core, now, report, registries: new RegistryClient(config.registries), users: () => containers?.imageUsers() ?? null }), createVolumes({ paths, now, core }), createNetworks({ paths, kernel, now }),
      ]);
      containers = await ContainerStore.open({
        paths, kernel, images, networks, volumes, core, now, report,
        logMax: options.logMax ?? 10 * 1024 * 1024, logFiles: options.logFiles ?? 3,
      });
      opened = { containers, networks };
      await volumes.unmountUnused().catch((error: unknown) => report(error instanceof Error ? error.message : String(error)));
      const lost = new Set(await networks.restore(containers.namespaces(), containers.publications()));
      for (const [name, { status }] of containers.list()) {
        if (status === null || !lost.has(status.id)) continue;
        containers.note(name, { ports: [] });
        report(`${name}: its ports could not be given back to it: run up again`);
      }
      const supervisor = new Supervisor({ containers, networks, images, now, report });
      supervisor.adopt();
      containers.resume();
      await images.sweep();
      const engine = new Engine(options, { paths, images, containers, networks, volumes, stacks, contents, supervisor, runFolder });
      engine.#collectContents();
      return engine;
    } catch (error) {
      opened?.containers.close();
      opened?.networks.close();
      runFolder.release(); // its folder stays: whoever started the engine reads its log there
      throw error;
    }
  }

  /** A container by name, id or unambiguous beginning of an id. */
  container(ref: string): Container & { readonly name: string } {
    const named = this.containers.get(ref.replace(/^\//, ''));
    if (named !== null) return { ...named, name: ref.replace(/^\//, '') };
    const found = /^[0-9a-f]{1,64}$/.test(ref) ? [...this.containers.list()].filter(([, container]) => container.status?.id.startsWith(ref)) : [];
    const [first, second] = found;
    if (first === undefined) throw new BayplanError('not-found', `no such container: ${ref}`);
    if (second !== undefined) throw new BayplanError('ambiguous', `${ref} is the beginning of more than one container's id: give more of it`);
    return { ...first[1], name: first[0] };
  }

  busy(stack: string): boolean {
    return this.#runner.has(stack);
  }

  stacks(): readonly StackAnswer[] {
    return this.#stacks.list().map((record) => this.#answer(record));
  }

  async stack(name: string): Promise<StackAnswer> {
    const record = this.#stacks.get(name);
    if (record === null) throw new BayplanError('not-found', `no such stack: ${name}`);
    return Promise.resolve(this.#answer(record));
  }

  async planStack(name: string, request: StackRequest): Promise<PlanAnswer> {
    checkName(name, request.desired);
    const { desired } = this.#resolve(name, request);
    const made = plan(desired, actualState(name, desired, this), Date.now());
    const notes = [...this.#notes(name, request.source), ...made.notes];
    return Promise.resolve({ version: 1, revision: this.#stacks.get(name)?.revision ?? 0, plan: { ...made, notes } });
  }

  async applyStack(
    name: string, request: StackRequest, options: { readonly wait: boolean; readonly credentials?: CredentialsByHost }, onEvent: (event: PassEvent) => void, signal: AbortSignal,
  ): Promise<void> {
    checkName(name, request.desired);
    let revision = this.#stacks.get(name)?.revision ?? 0;
    await this.#ending(onEvent, () => revision, async () => {
      let notes = this.#notes(name, request.source);
      const record = await this.#accept(name, request);
      revision = record.revision;
      await this.#pass(name, record.desired, options.credentials ?? {}, (event) => {
        onEvent(event.type === 'plan' ? { ...event, plan: { ...event.plan, notes: [...notes, ...event.plan.notes] } } : event);
        if (event.type === 'plan') notes = []; // said once
      }, { title: 'up', client: signal });
      if (options.wait) await this.#settled(record, signal);
    });
  }

  async removeStack(
    name: string, options: { readonly volumes: boolean; readonly stopTimeoutSeconds: number | null }, onEvent: (event: PassEvent) => void, signal: AbortSignal,
  ): Promise<void> {
    checkName(name, null);
    const before = this.#stacks.get(name);
    await this.#ending(onEvent, () => before?.revision ?? 0, async () => {
      const desired = nothingDesired(name, options.volumes, options.stopTimeoutSeconds);
      const record = before === null ? null : await this.#intent(before, desired);
      if (options.stopTimeoutSeconds !== null) this.#hasten(name, options.stopTimeoutSeconds * 1000);
      await this.#pass(name, desired, {}, onEvent, { title: 'down', client: signal });
      if (record !== null) await this.#stacks.remove(name, record.revision);
    });
  }

  async stopContainer(name: string, signal: string | null, graceMs: number): Promise<void> {
    await this.#supervisor.publish(name, false);
    await this.#supervisor.stop(name, signal, graceMs);
  }

  async startContainer(name: string): Promise<void> {
    await this.#supervisor.start(name);
    await this.#supervisor.publish(name, true);
  }

  async createVolume(name: string, spec: VolumeSpec): Promise<string> {
    return await createVolume(this, name, spec);
  }

  async removeVolume(name: string, force: boolean): Promise<void> {
    await removeVolume(this, name, force);
  }

  async pruneVolumes(passes: (volume: Volume) => boolean): Promise<{ readonly deleted: readonly string[]; readonly reclaimed: number }> {
    return await pruneVolumes(this, passes);
  }

  async diskUsage(of: { readonly containers: boolean; readonly volumes: boolean }): Promise<DiskUsage> {
    return await diskUsage(of.containers ? this.containers.list() : new Map(), of.volumes ? this.volumes.list() : new Map(), this.paths);
  }

  /** Makes the one container of `desired`, with what it needs, and starts nothing; answers its id. */
  async createContainer(desired: Desired): Promise<string> {
    const id = await this.#single.create(desired);
    // What is removed at its end need not outlive a power cut.
    if (Object.values(desired.containers).some(({ spec }) => !spec.autoRemove)) await this.containers.flush();
    return id;
  }

  /** The same for a one-off of a stack. */
  async createOneOff(stack: string, request: StackRequest): Promise<string> {
    checkName(stack, request.desired);
    this.#admitting++;
    try {
      const { desired, bytes } = this.#resolve(stack, request);
      await this.#contents.keep(bytes);
      return await this.createContainer(desired);
    } finally {
      this.#admitting--;
    }
  }

  async removeContainer(name: string, volumes: boolean): Promise<void> {
    await this.#supervisor.remove(name, volumes);
    this.#collectContents();
  }

  async renameContainer(name: string, to: string): Promise<void> {
    await this.#supervisor.rename(name, to);
    await this.containers.flush();
  }

  /** Lets everything go; containers run on, and the next engine adopts them. */
  async close(): Promise<void> {
    await this.#runner.close();
    this.#supervisor.close();
    this.containers.close();
    this.networks.close();
    this.#runFolder.leave();
  }

  /** A pass waits until the one before it has settled, and so for the stops that are under way there. */
  #hasten(stack: string, graceMs: number): void {
    for (const [name, { identity }] of this.containers.list()) if (identity.stack === stack) this.#supervisor.hasten(name, graceMs);
  }

  #answer(record: StackRecord): StackAnswer {
    return { version: 1, name: record.name, revision: record.revision, source: record.source, desired: record.desired, actual: actualState(record.name, record.desired, this) };
  }

  /** Writes down that a stack goes down. On a full disk it goes down without that: it is what makes room. */
  async #intent(before: StackRecord, desired: Desired): Promise<StackRecord> {
    try {
      return await this.#stacks.put(before.name, before.source, desired, null);
    } catch (error) {
      if (error instanceof BayplanError && error.code === 'disk-full') return before;
      throw error;
    }
  }

  #resolve(name: string, request: StackRequest): ResolvedContents {
    return resolveContents(request, this.#contents, this.#stacks.list().filter((other) => other.name !== name).map(({ desired }) => desired));
  }

  /** Keeps what is desired now: the contents before the state that names them. */
  async #accept(name: string, request: StackRequest): Promise<StackRecord> {
    this.#admitting++;
    try {
      const { desired, bytes } = this.#resolve(name, request);
      await this.#contents.keep(bytes);
      return await this.#stacks.put(name, request.source, desired, request.base);
    } finally {
      this.#admitting--;
    }
  }

  /** Removes contents that neither a stack desires nor a container was made with. */
  #collectContents(): void {
    if (this.#admitting > 0) return; // whoever comes last does it
    const desired = this.#stacks.list().flatMap((record) => Object.values(record.desired.contents));
    const given = [...this.containers.list().values()].flatMap(({ spec }) => spec.contents);
    this.#contents.collect(new Set([...desired, ...given].map(({ digest }) => digest)));
  }

  /** What whoever changes a stack should know beside the plan. */
  #notes(name: string, source: Source): readonly string[] {
    const before = this.#stacks.get(name)?.source.workingDir;
    const moved = before !== undefined && before !== source.workingDir ? [`stack ${name} was last brought up from ${before}`] : [];
    return [...moved, ...this.networks.notices()];
  }

  /** Carries out steps on behalf of whoever has these credentials. */
  #executor(credentials: CredentialsByHost): Executor {
    return runtimeExecutor({ ...this.#runtime, pull: async (image, signal, onProgress) => { await this.images.pull(image, { credentials, signal, onProgress }); } });
  }

  async #pass(name: string, desired: Desired, credentials: CredentialsByHost, onEvent: (event: PassEvent) => void, by: Asker): Promise<void> {
    this.networks.repair();
    const result = await this.#runner.run(name, JSON.stringify(desired), (passSignal) => runPass({
      desired, now: () => Date.now(), concurrency: CONCURRENCY, signal: passSignal, onEvent,
      observe: () => Promise.resolve(actualState(name, desired, this)), executor: this.#executor(credentials),
    }), (why) => ({ ok: false, message: `cancelled: ${why}` }), by);
    await this.containers.flush();
    if (!result.ok) throw new BayplanError('pass-failed', result.message);
  }

  /** Runs what answers with events; the last one says how it ended, however it did. */
  async #ending(onEvent: (event: PassEvent) => void, revision: () => number, work: () => Promise<void>): Promise<void> {
    try {
      await work().finally(() => this.#collectContents());
      onEvent({ version: 1, type: 'end', ok: true, revision: revision(), message: '' });
    } catch (error) {
      if (!(error instanceof BayplanError)) throw error;
      onEvent({ version: 1, type: 'end', ok: false, revision: revision(), message: error.message });
    }
  }

  /** Waits until all containers that a stack is to have run (healthy, where they have a check) or have ended with 0. */
  async #settled({ name, desired }: StackRecord, signal: AbortSignal): Promise<void> {
    const all = Object.entries(actualState(name, desired, this).containers).filter(([, { identity }]) => identity.owner === 'stack' && desired.services[identity.service] !== undefined);
    await Promise.all(all.map(([container]) => this.#supervisor.waitFor(container, 'ready', signal)));
  }
}

/** A stack's name becomes a folder's: it is a Compose project name, and the one that its desired state is for. */
function checkName(name: string, desired: Desired | null): void {
  if (!/^[a-z0-9][a-z0-9_-]*$/.test(name) || name.length > 200) throw new BayplanError('bad-request', `stack name "${name}": expected lower-case letters, digits, "_" and "-", a letter or digit first`);
  if (desired !== null && desired.stack !== name) throw new BayplanError('bad-request', `the desired state is for stack "${desired.stack}", not for "${name}"`);
}
