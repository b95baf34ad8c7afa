import { posix } from 'node:path';
import type { PathStat } from '../runtime/container/archive.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { sendEmpty, sendJson } from './answer.ts';
import { flag, param, type Exchange } from './exchange.ts';

/** `HEAD /containers/{id}/archive?path=`: what is there, in `X-Docker-Container-Path-Stat`; a link at the path's end is not followed. */
export async function statPath(exchange: Exchange): Promise<void> {
  const { engine, response, gone } = exchange;
  const path = pathOf(exchange);
  const container = engine.container(param(exchange, 'id'));
  const stat = await engine.containers.archive(container.name, { verb: 'stat', path }, { signal: gone }).catch(inWords(path, param(exchange, 'id')));
  if (stat !== null) response.setHeader(STAT, statHeader(path, stat));
  sendEmpty(response, 200);
}

/** `GET /containers/{id}/archive?path=`: a tar archive of what is there, under its own name. */
export async function getArchive(exchange: Exchange): Promise<void> {
  const { engine, response, gone } = exchange;
  const path = pathOf(exchange);
  const container = engine.container(param(exchange, 'id'));
  await engine.containers.archive(container.name, { verb: 'get', path, name: nameOf(path) }, {
    signal: gone,
    output: (stat) => {
      if (stat !== null) response.setHeader(STAT, statHeader(path, stat));
      response.writeHead(200, { 'Content-Type': 'application/x-tar' });
      return response;
    },
  }).catch(inWords(path, param(exchange, 'id')));
  engine.events.container('archive-path', container.name);
  response.end();
}

/** `PUT /containers/{id}/archive?path=&noOverwriteDirNonDir=&copyUIDGID=`: the tar archive in the body into the folder. */
export async function putArchive(exchange: Exchange): Promise<void> {
  const { engine, request, response, gone } = exchange;
  const path = pathOf(exchange);
  const { name, spec } = engine.container(param(exchange, 'id'));
  const owner = flag(exchange, 'copyUIDGID') ? spec.user || engine.images.find(spec.imageId)?.config.user || '' : ''; // Docker's rule: only who runs as somebody gives it away
  await engine.containers.archive(name, { verb: 'put', path, keepKinds: flag(exchange, 'noOverwriteDirNonDir'), owner }, { input: request, signal: gone }).catch(inWords(path, param(exchange, 'id')));
  engine.events.container('extract-to-dir', name);
  sendEmpty(response, 200);
}

/** `POST /engine/containers/{id}/remove-files?path=`: what the body names goes, each name below the folder `path` and with a NUL behind it. */
export async function removeFiles(exchange: Exchange): Promise<void> {
  const { engine, request, response, gone } = exchange;
  const path = pathOf(exchange);
  const { name } = engine.container(param(exchange, 'id'));
  await engine.containers.archive(name, { verb: 'remove', path }, { input: request, signal: gone }).catch(inWords(path, param(exchange, 'id')));
  sendEmpty(response, 200);
}

/** `GET /containers/{id}/export`: a tar archive of the whole root, without volumes. */
export async function exportContainer(exchange: Exchange): Promise<void> {
  const { engine, response, gone } = exchange;
  const { name } = engine.container(param(exchange, 'id'));
  await engine.containers.archive(name, { verb: 'export' }, {
    signal: gone,
    output: () => {
      response.writeHead(200, { 'Content-Type': 'application/x-tar' });
      return response;
    },
  });
  engine.events.container('export', name);
  response.end();
}

const KINDS = { changed: 0, added: 1, deleted: 2 } as const;

/** `GET /containers/{id}/changes`: what differs from the image. */
export async function containerChanges(exchange: Exchange): Promise<void> {
  const { name } = exchange.engine.container(param(exchange, 'id'));
  const changes = await exchange.engine.containers.changes(name);
  sendJson(exchange.response, 200, changes.map(({ path, kind }) => ({ Path: path, Kind: KINDS[kind] })));
}

const STAT = 'X-Docker-Container-Path-Stat';

function pathOf({ query }: Exchange): string {
  const path = query.get('path') ?? '';
  if (path === '') throw new BayplanError('bad-request', 'path is missing: a path in the container');
  if (path.includes('\0')) throw new BayplanError('bad-request', 'path: a NUL cannot be part of a path');
  // A slash or dot at the end asks for the folder behind a link, and is kept.
  const normal = posix.join('/', path);
  return path.endsWith('/.') ? `${normal.replace(/\/$/, '')}/.` : normal;
}

/** Under what name the archive has it: Docker's clients take that away again. */
function nameOf(path: string): string {
  return posix.basename(path) === '' ? '/' : posix.basename(path);
}

/** In words by which docker's clients know it. */
function inWords(path: string, container: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof BayplanError && error.code === 'not-found') throw new BayplanError('not-found', `Could not find the file ${path} in container ${container}`);
    if (error instanceof BayplanError && error.code === 'forbidden') throw new BayplanError('forbidden', `${path} of container ${container}: marked read-only`);
    if (error instanceof BayplanError && /not a directory$/i.test(error.message)) throw new BayplanError('bad-request', `not a directory: ${path} in container ${container}`);
    throw error;
  };
}

/** JSON in base64. `mode` is Go's os.FileMode. */
function statHeader(path: string, { size, mode, mtime, nanoseconds, target }: PathStat): string {
  const seconds = new Date(mtime * 1000).toISOString().slice(0, 19);
  const stat = { name: nameOf(path), size, mode: goMode(mode), mtime: `${seconds}${nanoseconds === 0 ? '' : `.${String(nanoseconds).padStart(9, '0').replace(/0+$/, '')}`}Z`, linkTarget: target };
  return Buffer.from(JSON.stringify(stat)).toString('base64');
}

function goMode(mode: number): number {
  const kinds: Readonly<Record<number, number>> = { 0o040000: 2 ** 31, 0o120000: 2 ** 27, 0o060000: 2 ** 26, 0o010000: 2 ** 25, 0o140000: 2 ** 24, 0o020000: 2 ** 26 + 2 ** 21 };
  const special = (mode & 0o4000 ? 2 ** 23 : 0) + (mode & 0o2000 ? 2 ** 22 : 0) + (mode & 0o1000 ? 2 ** 20 : 0);
  return (kinds[mode & 0o170000] ?? 0) + special + (mode & 0o777);
}
