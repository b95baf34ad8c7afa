import { mkdirSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Kernel } from '../kernel.ts';
import { LineConnection } from '../line-connection.ts';
import { endCarrier, gone, PortCarrier } from './port-carrier.ts';

/** The carriers of an engine's ports, and those that the engine before has left. */
export class PortCarriers {
  readonly #kernel: Kernel;
  readonly #core: string;
  readonly #folder: string;
  readonly #found = new Map<string, LineConnection>();

  /** `folder` holds a socket for each; `core` is the program. */
  constructor(kernel: Kernel, core: string, folder: string) {
    this.#kernel = kernel;
    this.#core = core;
    this.#folder = folder;
  }

  /** Looks for those that are there. What a dead one has left goes. */
  async find(): Promise<void> {
    for (const name of await namesIn(this.#folder)) {
      const socket = join(this.#folder, name);
      const connection = await LineConnection.open(socket, () => gone(name)).catch((error: unknown) => {
        if (!isCode(error, 'ECONNREFUSED')) throw error;
        return null;
      });
      if (connection === null) await rm(socket, { force: true });
      else this.#found.set(name, connection);
    }
  }

  /** A carrier of `ip:port` (IPv6), which is reserved from now on. Throws KernelError, EADDRINUSE where another program has it. */
  open(protocol: 'tcp' | 'udp', ip: string, port: number): PortCarrier {
    const name = `${ip}-${port}${protocol === 'tcp' ? '' : `-${protocol}`}`;
    const reserve = (): number => this.#kernel.reservePort(protocol, ip, port).fd;
    const carried = { kernel: this.#kernel, core: this.#core, socket: join(this.#folder, name), about: `port [${ip}]:${port}/${protocol}`, reserve };
    const found = this.#found.get(name);
    this.#found.delete(name);
    if (found !== undefined) return new PortCarrier(carried, { found });
    const fd = reserve();
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    return new PortCarrier(carried, { fd });
  }

  /** Ends those of the engine before that no port was opened for. */
  async endOthers(): Promise<void> {
    const others = [...this.#found];
    this.#found.clear();
    await Promise.all(others.map(([name, connection]) => endCarrier(connection, join(this.#folder, name))));
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (!isCode(error, 'ENOENT')) throw error;
    return [];
  });
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
