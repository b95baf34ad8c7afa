import type { Server } from 'node:http';
import { createApi } from '../../src/api/api.ts';
import { serve } from '../../src/api/serve.ts';
import { Machine } from '../root/harness.ts';
import { dockerClient, dockerListener, type Ended, type Listener } from './docker-client.ts';

/** A real engine on a root of its own, with the image of busybox, and the stock client for it. */
export class DockerMachine {
  readonly machine = new Machine();
  readonly docker: (args: readonly string[], input?: string | Buffer) => Promise<Ended>;
  readonly listen: (args: readonly string[]) => Listener;
  #server: Server | null = null;

  constructor() {
    this.docker = dockerClient(this.machine.paths.socket, this.machine.folder);
    this.listen = dockerListener(this.machine.paths.socket, this.machine.folder);
  }

  async open(): Promise<void> {
    await this.machine.open();
    await this.machine.loadHello();
    this.#server = createApi(this.machine.engine, (line) => this.machine.reports.push(line));
    await serve(this.#server, this.machine.paths.socket);
  }

  /** Removes what was made over the API, and fails where anything else is left. */
  async dispose(): Promise<void> {
    const { engine } = this.machine;
    for (const [name, { identity }] of engine.containers.list()) if (identity.owner === 'api') await engine.removeContainer(name, { volumes: true });
    for (const [name, { stack }] of engine.networks.list()) if (stack === '') await engine.networks.remove(name);
    for (const [name, { stack }] of engine.volumes.list()) if (stack === '') await engine.volumes.remove(name);
    this.#server?.close();
    this.#server?.closeAllConnections();
    await this.machine.dispose();
  }
}
