import type { Duplex, Readable } from 'node:stream';
import type { Attachment, Container, ContainerChanges, ContainerSpec, Identity } from '../../state/container.ts';
import type { ArchiveRequest, ArchiveStreams, PathStat } from './archive.ts';
import type { Change } from './changes.ts';
import type { Usage } from './usage.ts';

/** Of a terminal, in characters. */
export interface ConsoleSize { readonly width: number; readonly height: number }

/** What of a container's stdio a connection takes part in. */
export interface AttachParts { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean }

export interface ExecRequest {
  readonly command: readonly string[];
  readonly environment: readonly string[];
  readonly user: string;
  readonly workingDir: string;
  readonly tty: boolean;
  /** All capabilities, and no seccomp filter. */
  readonly privileged?: boolean;
  /** Whoever asks for it goes as soon as it is known whether the program runs. */
  readonly detached?: boolean;
  /** The terminal's size at first; null: unknown. */
  readonly consoleSize?: ConsoleSize | null;
}

/** A process joined to a container. `exit` resolves with its code (126, 127 as a shell gives them). */
export interface ExecProcess {
  readonly stdin: NodeJS.WritableStream;
  readonly stdout: NodeJS.ReadableStream;
  readonly stderr: NodeJS.ReadableStream;
  readonly exit: Promise<number>;
  /** Whether the program runs, where the request was `detached`: what it says else is on stderr. At once, and true, where nobody asked, or another runtime has it. */
  readonly started: Promise<boolean>;
  kill(): void;
  /** SIGINT to it and what it started. */
  interrupt(): void;
  /** Does nothing where it has no terminal. */
  resize(size: ConsoleSize): void;
}

/** `volumes`: the container's anonymous ones go too, but for those that others use. `ended`: only one that does not run is to be removed. */
export interface RemoveHow { readonly volumes?: boolean; readonly ended?: boolean }

export interface LogRecord {
  readonly time: bigint;
  readonly stream: 'stdout' | 'stderr';
  readonly data: Buffer;
  /** It goes on with a line that an earlier record of the stream began. */
  readonly goesOn: boolean;
}

export type ContainerEvent = 'created' | 'started' | 'exited' | 'removed' | 'renamed' | 'updated' | 'oom' | 'connected' | 'disconnected' | 'paused' | 'unpaused' | 'killed' | 'stopped' | 'noted';

/** The containers of one engine: records, shims, processes. */
export interface Containers {
  list(): ReadonlyMap<string, Container>;
  /**
   * Calls `listener` after each change, until the returned function is called. `detail`: the network it was connected to or disconnected from, the number of the signal that it was sent, its name of before.
   */
  onEvent(listener: (event: ContainerEvent, name: string, detail: string) => void): () => void;
  create(name: string, identity: Identity, spec: ContainerSpec): Promise<void>;
  /** Rejects when the process could not be started; the container is then `exited` with 126 or 127 and the error kept. */
  start(name: string): Promise<void>;
  /** Stop signal, then SIGKILL after the grace period; resolves when it is gone and its exit known. */
  stop(name: string, signal: string | null, graceMs: number): Promise<void>;
  signal(name: string, signal: string): Promise<void>;
  /** Freezes all its processes, or lets them go on. `forWork`: for as long as the engine works on it, the next one lets it go on. Rejects with `conflict` where it does not run, or is so already. */
  pause(name: string, on: boolean, forWork?: boolean): Promise<void>;
  /** Ends it first where it runs, or with `ended` rejects with `conflict`. */
  remove(name: string, how?: RemoveHow): Promise<void>;
  /**
   * Changes a container in place: its limits first, in the kernel, then what is recorded of it; its process goes on. Rejects with `limit-refused` where the kernel does not take a limit (memory
   * below what is in use); all is then as it was.
   */
  update(name: string, changes: ContainerChanges): Promise<void>;
  /** Rejects with `conflict` where the new name is taken. */
  rename(name: string, to: string): Promise<void>;
  /** Puts it on one more network, or changes how it is on one: at once where it runs, and for its starts to come. `made`: as if it had been made with it. Rejects with `not-connectable` for one that lives in another's or no network. */
  connect(name: string, network: string, attachment: Attachment, made?: boolean): Promise<void>;
  /** Takes it off a network, likewise. Rejects with `not-connected`. */
  disconnect(name: string, network: string): Promise<void>;
  /** Puts right what has drifted, as it was last looked at, and can be put right while it runs. */
  mend(name: string): Promise<void>;
  /** Pids, as the host sees them, of all that runs in the container. */
  processes(name: string): readonly number[];
  /** What it has used since its start; null where it does not run. */
  usage(name: string): Usage | null;
  /** Reads or writes its files, running or not, never out of its root. Null for `put` and `export`. */
  archive(name: string, request: ArchiveRequest, streams: ArchiveStreams): Promise<PathStat | null>;
  /** What it has written over its image as an OCI layer, a tar archive. */
  layer(name: string): Promise<Readable>;
  /** Bytes of the files that a container has written over its image. */
  written(name: string): Promise<number>;
  /** What it has written over its image, by path. */
  changes(name: string): Promise<readonly Change[]>;
  exec(name: string, request: ExecRequest): Promise<ExecProcess>;
  /**
   * A connection to the container's stdio: output as frames of Docker's multiplexed stream, or as it is where the container has a terminal; what is written is
   * its input. Of one that does not run it is the stdio of its next start, and sees all of it.
   */
  attach(name: string, parts: AttachParts): Promise<Duplex>;
  /** Of the container's terminal; of one that does not run, at its next start. */
  resize(name: string, size: ConsoleSize): Promise<void>;
  /** Whole records, oldest first; `tail` counts lines. With `follow` it goes on until the signal aborts or the container has gone. */
  logs(name: string, options: { tail: number | null; follow: boolean; signal: AbortSignal }): AsyncIterable<LogRecord>;
  /** Makes durable what is recorded of them by now: specs, ends, holds. */
  flush(): Promise<void>;
}
