import type { DiskUsage } from '../engine/disk-usage.ts';
import type { EventLog } from '../engine/event-log.ts';
import type { Containers, RemoveHow } from '../runtime/container/containers.ts';
import type { Runtimes } from '../runtime/foreign/runtimes.ts';
import type { Images } from '../runtime/image/images.ts';
import type { DriftAnswer } from '../state/drift.ts';
import type { AddressSpace } from '../runtime/network/address-spaces.ts';
import type { Networks } from '../runtime/network/networks.ts';
import type { StorageDriver } from '../runtime/storage/storage-driver.ts';
import type { Volumes } from '../runtime/volume/volumes.ts';
import type { Attachment, Container, ContainerChanges, ContainerSpec } from '../state/container.ts';
import type { JobAnswer, JobStarted } from '../state/job.ts';
import type { Network, NetworkSpec } from '../state/network.ts';
import type { Operation } from '../state/operation.ts';
import type { CredentialsByHost } from '../state/registry-credentials.ts';
import type { Desired } from '../state/state.ts';
import type { Volume, VolumeSpec } from '../state/volume.ts';
import type { PassEvent, PlanAnswer, RevisionAnswer, RollbackRequest, StackAnswer, StackRequest, SweepAnswer, SweepRequest } from '../state/messages.ts';

/** What the API needs of an engine; src/engine has the real one, test/api a small one. */
export interface EngineView {
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly root: string;
  readonly runtimes: Pick<Runtimes, 'list' | 'default'>;
  readonly cdi: { readonly folders: readonly string[] };
  readonly storage: Pick<StorageDriver, 'name' | 'status'>;
  /** Whether every container has users of its own that does not say otherwise. */
  readonly remapsUsers: boolean;
  /** What subnets are chosen from, where somebody has set it. */
  readonly addressSpaces: readonly AddressSpace[];
  readonly images: Pick<Images, 'find' | 'list' | 'details' | 'load' | 'import' | 'save' | 'tag' | 'remove' | 'prune' | 'pull' | 'push' | 'tags' | 'stackArtifact' | 'describe' | 'verify'>;
  readonly containers: Pick<Containers, 'list' | 'logs' | 'exec' | 'signal' | 'attach' | 'resize' | 'onEvent' | 'processes' | 'usage' | 'archive' | 'changes' | 'flush'>;
  readonly networks: Pick<Networks, 'list' | 'spec'>;
  readonly volumes: Pick<Volumes, 'list' | 'mountpoint'>;
  /** As HookOutput.onOutput. */
  onHookOutput(listener: (name: string, time: number, stream: 'stdout' | 'stderr', data: Buffer) => void, since: number): () => void;
  readonly events: Pick<EventLog, 'past' | 'onEvent' | 'container' | 'tell'>;
  /** By name, full id or unambiguous id prefix. Throws BayplanError `not-found` (or `ambiguous`). */
  container(ref: string): Container & { readonly name: string };
  /** What a container that runs has bound and the host no longer has: something else is in its place there. */
  replacedBinds(name: string): readonly { readonly source: string; readonly target: string }[];
  stacks(): readonly StackAnswer[];
  /** Whether a pass over the stack is under way. */
  busy(stack: string): boolean;
  /** Rejects with BayplanError `not-found`. */
  stack(name: string): Promise<StackAnswer>;
  planStack(name: string, request: StackRequest): Promise<PlanAnswer>;
  /** Latest first. Rejects with `not-found`, as the next two do. */
  stackDrift(name: string): Promise<readonly DriftAnswer[]>;
  stackHistory(name: string): Promise<readonly RevisionAnswer[]>;
  jobs(stack: string): Promise<readonly JobAnswer[]>;
  runJob(stack: string, service: string): Promise<JobStarted>;
  /** A line for each change. */
  diffRevisions(name: string, from: number, to: number): Promise<readonly string[]>;
  /** `end` is always the last event. */
  rollbackStack(name: string, request: RollbackRequest, onEvent: (event: PassEvent) => void, signal: AbortSignal): Promise<void>;
  /** `wait`: ends only when what runs is healthy. `end` is always the last event. */
  applyStack(
    name: string, request: StackRequest, options: { readonly wait: boolean; readonly credentials?: CredentialsByHost },
    onEvent: (event: PassEvent) => void, signal: AbortSignal,
  ): Promise<void>;
  /** `stopTimeoutSeconds` null: each container's own grace period. `from`: rejects with `conflict` where the stack is another folder's. `end` is always the last event. */
  removeStack(
    name: string, options: { readonly volumes: boolean; readonly stopTimeoutSeconds: number | null; readonly from?: string | null },
    onEvent: (event: PassEvent) => void, signal: AbortSignal,
  ): Promise<void>;
  /** Does what a person asks of a stack's containers. Rejects with `conflict` where the stack is another folder's; `end` is always the last event. */
  operate(name: string, operation: Operation, onEvent: (event: PassEvent) => void, signal: AbortSignal): Promise<void>;
  /** What these three would do; nothing is done. Reject as they do. */
  previewOperation(name: string, operation: Operation): Promise<PlanAnswer>;
  previewRemoval(name: string, options: { readonly volumes: boolean; readonly stopTimeoutSeconds: number | null; readonly from: string | null }): Promise<PlanAnswer>;
  previewRollback(name: string, request: RollbackRequest): Promise<PlanAnswer>;
  /** Makes the one container of `desired` with what it needs, and starts nothing; answers its id. Rejects with `image-not-found`, `conflict`. */
  createContainer(desired: Desired): Promise<string>;
  /** What of a container's spec this machine cannot hold, though it can run without it: a line each. */
  warnings(spec: ContainerSpec): readonly string[];
  /** Records that cannot be read, a line each: those of a stack and such that may be of it, or all. */
  setAside(stack?: string): readonly string[];
  /** The same for a one-off of a stack: `desired` is the request's, whose contents come along. */
  createOneOff(stack: string, request: StackRequest): Promise<string>;
  /** Ends it first where it runs, or with `ended` rejects with `conflict`. */
  removeContainer(name: string, how: RemoveHow): Promise<void>;
  /** Makes an image of what a container has written; answers its ID. `pause`: the container stands still meanwhile. */
  commitContainer(name: string, request: { readonly reference: string | null; readonly author: string; readonly message: string; readonly changes: readonly string[]; readonly pause: boolean }): Promise<string>;
  renameContainer(name: string, to: string): Promise<void>;
  /** Changes it in place. Rejects with `limit-refused` where the kernel does not take a limit. */
  updateContainer(name: string, changes: ContainerChanges): Promise<void>;
  /** Asked for by a person: the container's stop signal sets the hold. */
  signalContainer(name: string, signal: string): Promise<void>;
  /** Asked for by a person: sets the hold. `signal` null: the container's own stop signal. */
  stopContainer(name: string, signal: string | null, graceMs: number): Promise<void>;
  /** Asked for by a person: clears the hold. */
  startContainer(name: string): Promise<void>;
  /** Freezes it, or lets it go on. Rejects with `conflict` where it is so already, `not-running`. */
  pauseContainer(name: string, on: boolean): Promise<void>;
  /** Puts a container on one more network, or takes it off one: at once where it runs, and for its starts to come. Published ports follow. */
  connectContainer(name: string, network: string, attachment: Attachment): Promise<void>;
  disconnectContainer(name: string, network: string): Promise<void>;
  /** A network of no stack. Rejects with `subnet-taken`, `conflict`, `bad-request`. */
  createNetwork(name: string, spec: NetworkSpec): Promise<void>;
  /** Rejects with `network-in-use`. */
  removeNetwork(name: string): Promise<void>;
  /** Removes networks that no container is on and that nothing being made wants, of those that pass; answers their names. */
  pruneNetworks(passes: (name: string, network: Network) => boolean): Promise<readonly string[]>;
  /** Both, as one plan. */
  restartContainer(name: string, signal: string | null, graceMs: number): Promise<void>;
  /** A volume of no stack; name '': one that nobody has. Answers its name. Throws BayplanError `bad-request` or `conflict`. */
  createVolume(name: string, spec: VolumeSpec): Promise<string>;
  /** Throws BayplanError `not-found` unless `force`, `conflict` for one in use. */
  removeVolume(name: string, force: boolean): Promise<void>;
  /** Removes what passes and no container uses. */
  pruneVolumes(passes: (volume: Volume) => boolean): Promise<{ readonly deleted: readonly string[]; readonly reclaimed: number }>;
  /** Bytes by name: what containers have written into their own layer, and what volumes on this machine's disk hold. */
  diskUsage(of: { readonly containers: boolean | readonly string[]; readonly volumes: boolean }): Promise<DiskUsage>;
  /** Takes away what engines have left on this machine that are there no more. */
  sweep(request: SweepRequest): Promise<SweepAnswer>;
  /** Stops the engine; containers go on. */
  close(): Promise<void>;
  /** Stops all containers, for the next engine to start them again, and the engine; answers how many they were. */
  shutDown(): Promise<number>;
}
