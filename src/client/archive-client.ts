import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { BayplanError } from '../state/bayplan-error.ts';
import type { EngineClient } from './engine-client.ts';
import { queryPath } from './query-path.ts';
import { fields, number, text } from './outline.ts';
import { jsonLine, textOf } from './quick-request.ts';

/** What is at a path of a container, as docker's archives have it. */
export interface PathStat { readonly name: string; readonly size: number; readonly folder: boolean; readonly link: boolean; /** Where a link leads. */ readonly target: string }

const FOLDER = 2 ** 31;
const LINK = 2 ** 27;

/** Files of containers. */
export class ArchiveClient {
  readonly #engine: EngineClient;

  constructor(engine: EngineClient) {
    this.#engine = engine;
  }

  /** Null: there is nothing. */
  async stat(container: string, path: string): Promise<PathStat | null> {
    const { open } = await import('./connection.ts');
    const response = await open(this.#engine.socket, 'HEAD', queryPath(`/containers/${container}/archive`, { path }), null);
    response.resume();
    const header = response.headers['x-docker-container-path-stat'];
    if (response.statusCode === 404) return null;
    if (typeof header !== 'string') throw new BayplanError('not-found', `${path} of container ${container} could not be looked at (${response.statusCode ?? 0})`);
    const { name, size, mode, linkTarget } = jsonLine(Buffer.from(header, 'base64').toString(), fields<{ readonly name: string; readonly size: number; readonly mode: number; readonly linkTarget: string }>({ name: text, size: number, mode: number, linkTarget: text }));
    return { name, size, folder: Math.floor(mode / FOLDER) % 2 === 1, link: Math.floor(mode / LINK) % 2 === 1, target: linkTarget };
  }

  /** A tar archive of what is there, under its own name. */
  async get(container: string, path: string): Promise<IncomingMessage> {
    return await this.#engine.send('GET', queryPath(`/containers/${container}/archive`, { path }));
  }

  /** The tar archive into the folder; nothing there takes a folder's place but a folder, unless `replace`. `own`: all becomes the container's user's. */
  async put(container: string, path: string, archive: Readable, own: boolean, replace = false): Promise<void> {
    await this.#send('PUT', queryPath(`/containers/${container}/archive`, { path, noOverwriteDirNonDir: String(!replace), copyUIDGID: String(own) }), archive, 'application/x-tar');
  }

  /** Takes away what is there of these names, which are below the folder. */
  async remove(container: string, path: string, names: readonly string[]): Promise<void> {
    await this.#send('POST', queryPath(`/engine/containers/${container}/remove-files`, { path }), Readable.from([names.map((name) => `${name}\0`).join('')]), 'application/octet-stream');
  }

  /** Of a container's whole root. */
  async export(container: string): Promise<IncomingMessage> {
    return await this.#engine.send('GET', `/containers/${container}/export`);
  }

  async #send(method: string, path: string, body: Readable, type: string): Promise<void> {
    const { check, open } = await import('./connection.ts');
    const response = await open(this.#engine.socket, method, path, body, undefined, { 'Content-Type': type });
    await check(response);
    await textOf(response);
  }
}
