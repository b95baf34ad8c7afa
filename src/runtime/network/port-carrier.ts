import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { BayplanError } from '../../state/bayplan-error.ts';
import { type Kernel, KernelError } from '../kernel.ts';
import { LineConnection } from '../line-connection.ts';
import type { Backend } from './table.ts';

const ANSWER = z.looseObject({ version: z.int(), ready: z.boolean().optional(), ok: z.boolean().optional(), error: z.string().optional() });
/** How long after its end another one is started; twice as long after each that could not be, up to the last. */
const AGAIN_MS = 500;
const AGAIN_AT_MOST_MS = 8_000;

/** What is listened at, and how to start a carrier for it. `socket` is where engines find it. */
export interface CarriedPort {
  readonly kernel: Kernel;
  readonly core: string;
  readonly socket: string;
  readonly about: string;
  /** Binds the port; throws KernelError. */
  readonly reserve: () => number;
}

/**
 * Carries what packet rules cannot send on: what comes to ::1, and what IPv6 clients send to a container that has no IPv6. They arrive at the socket that
 * reserves the port, which a program beside the engine has (native/README.md, `carry`): it outlives the engine, and the next one finds it.
 * Connections that are under way outlive the port, as rewritten ones do.
 */
export class PortCarrier {
  readonly #port: CarriedPort;
  #fd: number | null;
  #connection: LineConnection | null = null;
  #wanted: readonly Backend[] = [];
  #told = '';
  #given = false;
  #work: Promise<void> = Promise.resolve();
  /** Why nobody carries it; null where somebody does. */
  complaint: string | null = null;

  /** Of a port that is bound already; `found`: of one that an engine before has left. */
  constructor(port: CarriedPort, from: { readonly fd: number } | { readonly found: LineConnection }) {
    this.#port = port;
    this.#fd = 'fd' in from ? from.fd : null;
    if ('found' in from) this.#hold(from.found);
  }

  /** Where connections are to go, in turns. */
  lead(targets: readonly Backend[]): void {
    this.#wanted = targets;
  }

  /** Resolves once they go where `lead` says. */
  settle(): Promise<void> {
    return this.#after(() => this.#tell());
  }

  /** Gives the port up. Resolves once it is free. */
  async end(): Promise<void> {
    this.#given = true;
    await this.#after(async () => {
      this.#closeSocket();
      const connection = this.#connection;
      this.#connection = null;
      if (connection === null) return;
      await endCarrier(connection, this.#port.socket);
    });
  }

  /** Leaves it to the next engine. */
  leave(): void {
    this.#given = true;
    this.#closeSocket();
    this.#connection?.close();
  }

  #after(task: () => Promise<void>): Promise<void> {
    const result = this.#work.then(task);
    this.#work = result.catch(() => undefined); // its failure is its caller's, not the next one's
    return result;
  }

  async #tell(): Promise<void> {
    if (this.#given) return;
    if (this.#connection === null) await this.#start();
    const text = JSON.stringify(this.#wanted);
    if (this.#connection === null || text === this.#told) return;
    this.#check(await this.#connection.ask({ version: 1, op: 'lead', to: this.#wanted.map(({ address, port }) => ({ address, port })) }));
    this.#told = text;
    this.complaint = null;
  }

  async #start(): Promise<void> {
    const { kernel, core, socket, about } = this.#port;
    this.#fd ??= this.#port.reserve();
    const [ours, theirs] = kernel.socketPair();
    const connection = LineConnection.of(ours, () => gone(about));
    const line = connection.firstLine();
    line.catch(() => undefined); // told below, unless it could not be spawned at all
    try {
      await kernel.spawnDetached(core, ['bayplan-core', 'carry', '--socket', socket, '--listen-fd', '3', '--control-fd', '4'], [], new Map([[3, this.#fd], [4, theirs]]));
    } catch (error) {
      connection.close();
      throw error;
    } finally {
      kernel.close(theirs);
    }
    this.#check(await line);
    this.#closeSocket();
    this.#hold(connection);
  }

  #hold(connection: LineConnection): void {
    this.#connection = connection;
    this.#told = '';
    void connection.gone.then(() => this.#again(connection));
  }

  /** It was killed: another one takes its place. */
  async #again(lost: LineConnection): Promise<void> {
    if (this.#given || this.#connection !== lost) return;
    this.#connection = null;
    for (let wait = AGAIN_MS; !this.#given && this.#connection === null; wait = Math.min(2 * wait, AGAIN_AT_MOST_MS)) {
      await sleep(wait, undefined, { ref: false });
      await this.settle().catch((error: unknown) => { this.complaint = `${this.#port.about} is not served: ${reasonOf(error)}`; });
    }
  }

  #closeSocket(): void {
    if (this.#fd !== null) this.#port.kernel.close(this.#fd);
    this.#fd = null;
  }

  #check(line: string): void {
    const answer = ANSWER.parse(JSON.parse(line));
    if (answer.ready !== true && answer.ok !== true) throw new BayplanError('port-failed', `${this.#port.about} cannot be served: ${answer.error ?? 'its program gave no reason'}`);
  }
}

/** Ends one, whoever started it; its port is free then. */
export async function endCarrier(connection: LineConnection, socket: string): Promise<void> {
  await connection.ask({ version: 1, op: 'end' }).catch((error: unknown) => {
    if (!(error instanceof BayplanError && error.code === 'carrier-gone')) throw error; // it was killed: that is an end as well
  });
  connection.close();
  await rm(socket, { force: true });
}

function reasonOf(error: unknown): string {
  if (error instanceof KernelError && error.code === 'EADDRINUSE') return 'another program has taken it; stop that';
  return error instanceof Error ? error.message : String(error);
}

export function gone(about: string): BayplanError {
  return new BayplanError('carrier-gone', `${about}: the program that serves it has ended`);
}
