import { join } from 'node:path';
import type { ContainerStore } from '../runtime/container/container-store.ts';
import { replacedBinds, type ReplacedBind } from '../runtime/container/replaced-binds.ts';
import type { RemoveHow } from '../runtime/container/containers.ts';
import type { CdiDevices } from '../runtime/cdi/cdi-devices.ts';
import type { Runtimes } from '../runtime/foreign/runtimes.ts';
import type { Images } from '../runtime/image/images.ts';
import type { Networks } from '../runtime/network/networks.ts';
import type { StorageDriver } from '../runtime/storage/storage-driver.ts';
import type { Volumes } from '../runtime/volume/volumes.ts';
import type { Attachment, Container, ContainerChanges, ContainerSpec } from '../state/container.ts';
import type { DriftAnswer } from '../state/drift.ts';
import type { JobAnswer, JobStarted } from '../state/job.ts';
import type { Network, NetworkSpec } from '../state/network.ts';
import type { PassEvent, PlanAnswer, RevisionAnswer, RollbackRequest, StackAnswer, StackRequest, SweepAnswer, SweepRequest } from '../state/messages.ts';
import type { Operation } from '../state/operation.ts';
import type { Paths } from '../state/paths.ts';
import type { CredentialsByHost } from '../state/registry-credentials.ts';
import type { Desired } from '../state/state.ts';
import type { Volume, VolumeSpec } from '../state/volume.ts';
import { KernelWatch } from '../runtime/kernel-watch.ts';
import { checkDevices } from './check-devices.ts';
import { checkRuntimes } from './check-runtimes.ts';
import { commitContainer, type ContainerCommit } from './commit-container.ts';
import { sweepAll } from './deserted.ts';
import { DriftHealer } from './drift-healer.ts';
import { DriftNotes } from './drift-notes.ts';
import { DriftWatch } from './drift-watch.ts';
import { diskUsage, type DiskUsage } from './disk-usage.ts';
import type { EngineOptions } from './engine-options.ts';
import { openParts, type EngineParts } from './engine-parts.ts';
import { EventLog } from './event-log.ts';
import { executorOf } from './executor-of.ts';
import { findContainer } from './find-container.ts';
import { onHealthChange } from './health-changes.ts';
import { toldImages } from './told-images.ts';
import { Jobs } from './jobs.ts';
import { unheld } from './machine-notes.ts';
import { createNetwork, pruneNetworks, removeNetwork, type NetworkRuntime } from './network-requests.ts';
import { previewOperation, previewRemoval, previewRollback } from './previews.ts';
import { SingleContainers } from './single-containers.ts';
import { Stacks } from './stacks.ts';
import type { HookListener } from './hook-output.ts';
import { createVolume, pruneVolumes, removeVolume, type VolumeRuntime } from './volume-requests.ts';

/**
 * The engine of one root folder: the only writer of its state. It may be killed at any instruction; the next one opened on the same root finds
 * everything again.
 */
export class Engine {
  readonly version: string;
  readonly startedAt = Date.now();
  readonly root: string;
  readonly paths: Paths;
  readonly storage: StorageDriver;
  readonly runtimes: Runtimes;
  readonly cdi: CdiDevices;
  readonly remapsUsers: boolean;
  readonly addressSpaces: EngineParts['addressSpaces'];
  readonly images: Images;
  readonly containers: ContainerStore;
  readonly networks: Networks;
  readonly volumes: Volumes;
  readonly events: EventLog;
  readonly #parts: EngineParts;
  readonly #stacks: Stacks;
  readonly #single: SingleContainers;
  readonly #drift: DriftWatch;
  readonly #healer: DriftHealer;
  readonly #jobs: Jobs;

  private constructor(version: string, parts: EngineParts) {
    this.version = version;
    this.root = parts.paths.root;
    this.paths = parts.paths;
    this.storage = parts.storage;
    this.runtimes = parts.runtimes;
    this.cdi = parts.cdi;
    this.remapsUsers = parts.remapsUsers;
    this.addressSpaces = parts.addressSpaces;
    this.containers = parts.containers;
    this.networks = parts.networks;
    this.volumes = parts.volumes;
    this.#parts = parts;
    this.events = new EventLog(parts.containers, parts.networks, parts.volumes, (imageId) => parts.images.find(imageId)?.config.labels ?? {}, () => Date.now());
    for (const { kind, name, error } of parts.asides.list()) this.events.setAside(kind, name, error.message);
    this.images = toldImages(parts.images, this.events);
    const executor = executorOf({ ...parts, images: this.images });
    this.#stacks = new Stacks(parts, executor, { look: async (stack) => void await this.#drift.lookAt(stack), onPassed: (stack) => this.#healer.passed(stack), onGoingBack: (...what) => this.events.goesBack(...what) });
    this.#single = new SingleContainers(parts, executor({}));
    this.#drift = new DriftWatch({
      ...parts, watch: new KernelWatch(parts.kernel), report: parts.report, busy: (stack) => this.#stacks.busy(stack), anyBusy: () => this.#stacks.anyBusy(), looked: (stacks) => this.#healer.consider(stacks),
    });
    this.#healer = new DriftHealer({
      stacks: this.#stacks, events: this.events, report: parts.report, now: () => Date.now(), notes: new DriftNotes(join(parts.paths.run, 'drift.json'), parts.report), look: (stack) => this.#drift.lookAt(stack),
      pending: (object, name) => object === 'container' && parts.containers.get(name)?.status?.health === 'starting',
    });
    onHealthChange(parts.containers, (stack) => this.#healer.consider([stack]));
    this.#jobs = new Jobs({
      parts, ask: (name, request) => this.#single.ask(name, request), now: () => Date.now(), report: parts.report,
      beside: (stack, work) => this.#stacks.beside(stack, work), create: (desired, signal) => this.createContainer(desired, signal),
    });
  }

  /** Takes the root's lock, reads its state and adopts what runs. Throws BayplanError `engine-running` where another engine has it. */
  static async open(options: EngineOptions): Promise<Engine> {
    const parts = await openParts(options);
    let engine: Engine | null = null;
    try {
      engine = new Engine(options.version, parts);
      engine.#stacks.collectContents();
      const stacks = parts.booted ? engine.#stacks.boot() : new Set<string>();
      parts.supervisor.adopt(({ identity }) => identity.owner === 'stack' && stacks.has(identity.stack));
      parts.containers.resume();
      await parts.images.sweep();
      parts.containers.finishChanges();
      engine.#stacks.goOn();
      engine.#drift.start();
      engine.#jobs.open();
      return engine;
    } catch (error) {
      if (engine !== null) engine.#drift.close();
      parts.close('stay');
      throw error;
    }
  }

  /** A container by name, id or unambiguous beginning of an id. */
  container(ref: string): Container & { readonly name: string } {
    return findContainer(ref, this.containers, this.#parts.asides);
  }

  /** Records that this engine cannot read, of a stack, or all: a line each, which says what to do. */
  setAside(stack?: string): readonly string[] {
    return this.#parts.asides.notes(stack ?? null);
  }

  busy(stack: string): boolean {
    return this.#stacks.busy(stack);
  }

  stacks(): readonly StackAnswer[] {
    return this.#stacks.list();
  }

  async stack(name: string): Promise<StackAnswer> {
    return Promise.resolve(this.#stacks.get(name));
  }

  async planStack(name: string, request: StackRequest): Promise<PlanAnswer> {
    await checkDevices(request.desired, this.cdi);
    await this.#stacks.lookAgain(name, request.desired);
    return this.#stacks.plan(name, request);
  }

  /** What `operate` would do. */
  async previewOperation(name: string, operation: Operation): Promise<PlanAnswer> {
    await this.#stacks.lookAgain(name, this.#parts.stacks.get(name)?.desired ?? null);
    return previewOperation(name, operation, this.#parts);
  }

  /** What `removeStack` would do. */
  async previewRemoval(name: string, options: Parameters<typeof previewRemoval>[1]): Promise<PlanAnswer> {
    await this.#stacks.lookAgain(name, null);
    return previewRemoval(name, options, this.#parts);
  }

  /** What `rollbackStack` would do. */
  async previewRollback(name: string, request: RollbackRequest): Promise<PlanAnswer> {
    await this.#stacks.lookAgain(name, null);
    return previewRollback(name, request, this.#parts);
  }

  async stackHistory(name: string): Promise<readonly RevisionAnswer[]> {
    return Promise.resolve(this.#stacks.history(name));
  }

  /** What runs on schedules, with its last runs. */
  async jobs(stack: string): Promise<readonly JobAnswer[]> {
    return Promise.resolve(this.#jobs.list(stack));
  }

  /** Runs a service of a schedule now. */
  async runJob(stack: string, service: string): Promise<JobStarted> {
    return { version: 1, run: await this.#jobs.run(stack, service) };
  }

  async diffRevisions(name: string, from: number, to: number): Promise<readonly string[]> {
    return Promise.resolve(this.#stacks.diff(name, from, to));
  }

  onHookOutput(listener: HookListener, since: number): () => void {
    return this.#parts.supervisor.hookOutput.onOutput(listener, since);
  }

  async rollbackStack(name: string, request: RollbackRequest, onEvent: (event: PassEvent) => void, signal: AbortSignal): Promise<void> {
    await this.#stacks.rollback(name, request, onEvent, signal);
  }

  async applyStack(
    name: string, request: StackRequest, options: { readonly wait: boolean; readonly credentials?: CredentialsByHost }, onEvent: (event: PassEvent) => void, signal: AbortSignal,
  ): Promise<void> {
    await checkDevices(request.desired, this.cdi);
    await this.#stacks.apply(name, request, options, onEvent, signal);
    await this.#jobs.release(name, request.options?.only ?? []);
  }

  async removeStack(
    name: string, options: { readonly volumes: boolean; readonly stopTimeoutSeconds: number | null; readonly from?: string | null }, onEvent: (event: PassEvent) => void, signal: AbortSignal,
  ): Promise<void> {
    await this.#stacks.remove(name, options, onEvent, signal);
  }

  /** Does what a person asks of containers that are there; `end` is always the last event. */
  async operate(name: string, operation: Operation, onEvent: (event: PassEvent) => void, signal: AbortSignal): Promise<void> {
    const { verb, services } = operation;
    const schedules = async (): Promise<readonly string[]> => {
      if (verb === 'stop') return (await this.#jobs.hold(name, services)).map((service) => `service ${service} runs no more on its schedule, until "start" or "up"`);
      if (verb === 'start' || verb === 'restart') return (await this.#jobs.release(name, services)).map((service) => `service ${service} runs on its schedule again`);
      return [];
    };
    await this.#stacks.operate(name, operation, onEvent, signal, schedules);
  }

  async pauseContainer(name: string, on: boolean): Promise<void> {
    await this.#single.ask(name, { action: on ? 'pause' : 'unpause' });
  }

  async stopContainer(name: string, signal: string | null, graceMs: number): Promise<void> {
    await this.#single.ask(name, { action: 'stop', signal, graceMs });
    await this.containers.flush(); // that it is held
  }

  async signalContainer(name: string, signal: string): Promise<void> {
    await this.#single.ask(name, { action: 'signal', signal });
    await this.containers.flush(); // that it is held, where that is meant
  }

  async startContainer(name: string): Promise<void> {
    const again = this.containers.get(name)?.status?.phase !== 'created';
    await this.#single.ask(name, { action: 'start' });
    if (again) await this.containers.flush(); // else it had ended, after a power cut
  }

  async restartContainer(name: string, signal: string | null, graceMs: number): Promise<void> {
    await this.#single.ask(name, { action: 'restart', signal, graceMs });
    await this.containers.flush();
    this.events.container('restart', name);
  }

  async connectContainer(name: string, network: string, attachment: Attachment): Promise<void> {
    await this.#single.ask(name, { action: 'connect', network, attachment });
    await this.containers.flush();
  }

  async disconnectContainer(name: string, network: string): Promise<void> {
    await this.#single.ask(name, { action: 'disconnect', network });
    await this.containers.flush();
  }

  async createNetwork(name: string, spec: NetworkSpec): Promise<void> {
    await createNetwork(this.#networkRuntime(), name, spec);
  }

  async removeNetwork(name: string): Promise<void> {
    await removeNetwork(this.#networkRuntime(), name);
  }

  async pruneNetworks(passes: (name: string, network: Network) => boolean): Promise<readonly string[]> {
    return await pruneNetworks(this.#networkRuntime(), passes);
  }

  async createVolume(name: string, spec: VolumeSpec): Promise<string> {
    return await createVolume(this.#volumeRuntime(), name, spec);
  }

  async removeVolume(name: string, force: boolean): Promise<void> {
    await removeVolume(this.#volumeRuntime(), name, force);
  }

  async pruneVolumes(passes: (volume: Volume) => boolean): Promise<{ readonly deleted: readonly string[]; readonly reclaimed: number }> {
    return await pruneVolumes(this.#volumeRuntime(), passes);
  }

  replacedBinds(name: string): readonly ReplacedBind[] {
    const container = this.containers.get(name);
    return container?.status?.phase === 'running' ? replacedBinds(container.status.pid, container.spec) : [];
  }

  async diskUsage(of: { readonly containers: boolean | readonly string[]; readonly volumes: boolean }): Promise<DiskUsage> {
    const names = of.containers === true ? [...this.containers.list().keys()] : of.containers === false ? [] : of.containers;
    return await diskUsage({ names, written: (name) => this.containers.written(name) }, of.volumes ? this.volumes.list() : new Map());
  }

  /** Makes the one container of `desired`, with what it needs, and starts nothing; answers its id. */
  async createContainer(desired: Desired, signal: AbortSignal = new AbortController().signal): Promise<string> {
    checkRuntimes(desired, this.runtimes);
    const id = await this.#single.create(desired, signal, () => checkDevices(desired, this.cdi));
    // What is removed at its end need not outlive a power cut.
    if (Object.values(desired.containers).some(({ spec }) => !spec.autoRemove)) await this.containers.flush();
    return id;
  }

  warnings(spec: ContainerSpec): readonly string[] {
    return unheld(spec, this.#parts.machine);
  }

  /** The same for a one-off of a stack. */
  async createOneOff(stack: string, request: StackRequest): Promise<string> {
    return await this.#stacks.once(stack, request, (desired, signal) => this.createContainer(desired, signal));
  }

  async removeContainer(name: string, how: RemoveHow): Promise<void> {
    const identity = this.containers.get(name)?.identity;
    await this.#single.ask(name, { action: 'remove', volumes: how.volumes === true, ended: how.ended === true });
    if (identity?.owner === 'stack') await this.#stacks.removed(identity);
    this.#stacks.collectContents();
  }

  /** Makes an image of what a container has written; answers its ID. */
  async commitContainer(name: string, request: ContainerCommit): Promise<string> {
    return await commitContainer(this.container(name), request, { ...this.#parts, images: this.images }, this.events);
  }

  async updateContainer(name: string, changes: ContainerChanges): Promise<void> {
    await this.#single.ask(name, { action: 'update', changes });
    await this.containers.flush();
  }

  async renameContainer(name: string, to: string): Promise<void> {
    await this.#single.ask(name, { action: 'rename', to });
    await this.containers.flush();
  }

  /** What of a stack is not as it was made, and what is held; looked at just now. */
  async stackDrift(name: string): Promise<readonly DriftAnswer[]> {
    this.#stacks.get(name);
    return await this.#healer.drift(name);
  }

  /** Takes away what engines have left on this machine that are there no more. */
  async sweep({ kill, dryRun, roots }: SweepRequest): Promise<SweepAnswer> {
    const { kernel, core, paths } = this.#parts;
    return await sweepAll({ kernel, own: paths.instance, core: kill ? core : null, dryRun }, roots);
  }

  /** Lets everything go; containers run on, and the next engine adopts them. Where there is none, running or not, no link or rule of the engine's stays either. */
  async close(): Promise<void> {
    await this.#begunLast();
    await this.#letGo();
  }

  /** Stops all containers, in the order of their dependencies and with their grace periods, and lets everything go, as the machine goes down: the next engine brings them back as after a boot. Answers how many were stopped. */
  async shutDown(): Promise<number> {
    await this.#begunLast();
    await this.#parts.supervisor.endStarts(); // whoever is connected still may ask for one
    const { stopped, failures } = await this.#single.stopAll();
    failures.forEach((line) => this.#parts.report(line));
    await this.#letGo([...this.containers.list().values()].every(({ status }) => status?.phase !== 'running'));
    return stopped;
  }

  /** Resolves when nothing is done to a container any more. */
  async #begunLast(): Promise<void> {
    this.#healer.close();
    this.#drift.close();
    this.#jobs.close();
    await this.#stacks.close();
    await this.containers.changing.all();
  }

  /** `ended`: nothing runs any more, so that the next engine begins as after a boot. */
  async #letGo(ended = false): Promise<void> {
    try {
      if ((ended || this.containers.list().size === 0) && !this.#parts.asides.has('container')) await this.networks.leaveHost();
      await this.containers.flush(); // ends of a moment ago
    } finally {
      this.#parts.close(ended && !this.#parts.asides.has('container') ? 'ended' : 'leave');
    }
  }

  #networkRuntime(): NetworkRuntime {
    return {
      networks: this.networks, containers: this.containers, carryOut: (steps) => this.#single.alone(() => this.#single.carryOut(steps)),
      awaited: (name, { stack }) => this.#single.wantsNetwork(name) || this.#stacks.wantsNetwork(name) || (stack !== '' && this.#stacks.busy(stack)),
    };
  }

  #volumeRuntime(): VolumeRuntime {
    return {
      volumes: this.volumes, containers: this.containers, carryOut: (steps) => this.#single.carryOut(steps),
      awaited: (name, { stack }) => this.#single.wants(name) || (stack !== '' && this.#stacks.busy(stack)),
    };
  }
}
