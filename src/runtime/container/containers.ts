import type { Container, ContainerSpec, Identity } from '../../state/container.ts';

export interface ExecRequest {
  readonly command: readonly string[];
  readonly environment: readonly string[];
  readonly user: string;
  readonly workingDir: string;
  readonly tty: boolean;
}

/** A process joined to a container. `exit` resolves with its code (126, 127 as a shell gives them). */
export interface ExecProcess {
  readonly stdin: NodeJS.WritableStream;
  readonly stdout: NodeJS.ReadableStream;
  readonly stderr: NodeJS.ReadableStream;
  readonly exit: Promise<number>;
  kill(): void;
}

export interface LogRecord { readonly time: bigint; readonly stream: 'stdout' | 'stderr'; readonly data: Buffer }

/** The containers of one engine: records, shims, processes. */
export interface Containers {
  list(): ReadonlyMap<string, Container>;
  create(name: string, identity: Identity, spec: ContainerSpec): Promise<void>;
  /** Rejects when the process could not be started; the container is then `exited` with 126 or 127 and the error kept. */
  start(name: string): Promise<void>;
  /** Stop signal, then SIGKILL after the grace period; resolves when it is gone and its exit known. */
  stop(name: string, signal: string | null, graceMs: number): Promise<void>;
  signal(name: string, signal: string): Promise<void>;
  remove(name: string): Promise<void>;
  exec(name: string, request: ExecRequest): Promise<ExecProcess>;
  /** Whole records, oldest first; `tail` counts lines. With `follow` it goes on until the signal aborts or the container has gone. */
  logs(name: string, options: { tail: number | null; follow: boolean; signal: AbortSignal }): AsyncIterable<LogRecord>;
}
