import { randomBytes } from 'node:crypto';
import type { ConsoleSize, ExecProcess, ExecRequest } from '../runtime/container/containers.ts';
import { BayplanError } from '../state/bayplan-error.ts';

/** A command that was asked for in a container: made by one request, started by another, asked for its exit code by a third. */
export interface ExecSession {
  readonly id: string;
  /** The container's name and id. */
  readonly container: string;
  readonly containerId: string;
  readonly request: ExecRequest;
  readonly attach: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean };
  /** What, typed on its terminal, takes its client leave of it. */
  readonly detachKeys: Buffer;
  phase: 'created' | 'running' | 'ended';
  exitCode: number | null;
  /** While it runs. */
  process: ExecProcess | null;
  /** As it was last asked for; null: never. */
  consoleSize: ConsoleSize | null;
}

/** As many ended ones are remembered. */
const KEPT = 1000;

/** The exec sessions of one engine; they die with it, as their clients' connections do. */
export class ExecSessions {
  readonly #sessions = new Map<string, ExecSession>();

  create(fields: Pick<ExecSession, 'container' | 'containerId' | 'request' | 'attach' | 'detachKeys'>): ExecSession {
    const session: ExecSession = { id: randomBytes(32).toString('hex'), ...fields, phase: 'created', exitCode: null, process: null, consoleSize: null };
    this.#sessions.set(session.id, session);
    for (const [id, { phase }] of this.#sessions) {
      if (this.#sessions.size <= KEPT) break;
      if (phase !== 'running' && id !== session.id) this.#sessions.delete(id);
    }
    return session;
  }

  /** Throws `not-found`. */
  resize(id: string, size: ConsoleSize): void {
    const session = this.get(id);
    session.consoleSize = size;
    session.process?.resize(size);
  }

  /** Ids of those that run in a container. */
  running(containerId: string): readonly string[] {
    return [...this.#sessions.values()].filter((session) => session.containerId === containerId && session.phase === 'running').map(({ id }) => id);
  }

  /** Throws `not-found`. */
  get(id: string): ExecSession {
    const session = this.#sessions.get(id);
    if (session === undefined) throw new BayplanError('not-found', `No such exec instance: ${id}`);
    return session;
  }
}
