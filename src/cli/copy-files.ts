import { lstatSync, realpathSync, statSync, type Stats } from 'node:fs';
import { basename, dirname, posix, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { create, extract, ReadEntry } from 'tar';
import type { ArchiveClient, PathStat } from '../client/archive-client.ts';
import { BayplanError } from '../state/bayplan-error.ts';

export interface CopyOptions {
  /** Owners go along. */
  readonly archive: boolean;
  /** A link at the source's end is followed. */
  readonly followLink: boolean;
}

/** Copies out of a container, as `docker cp` does: into a folder that is there, or to the name itself; `/.` at the source's end means its content. */
export async function copyOut(client: ArchiveClient, container: string, from: string, to: string, options: CopyOptions): Promise<void> {
  const found = await client.stat(container, from);
  if (found === null) throw missing(from, container);
  const source = options.followLink && found.link ? found.target : from;
  const stat = source === from ? found : await client.stat(container, source);
  if (stat === null) throw missing(source, container);
  const target = statOf(to, true);
  const content = isContent(from);
  if (target?.isDirectory() === false && stat.folder) throw new BayplanError('bad-request', `cannot copy a directory to the file ${to}`);
  if (target === null && !stat.folder && to.endsWith('/')) throw new BayplanError('not-found', `no such directory: ${to}`);
  const into = target?.isDirectory() === true;
  if (!into && statOf(dirname(resolve(to)), true)?.isDirectory() !== true) throw new BayplanError('not-found', `no such directory: ${dirname(resolve(to))}`);
  // What the archive calls it, and what it is called here: nothing where its content goes into a folder that is there.
  const wanted = into ? (content ? '' : posix.basename(from)) : basename(resolve(to));
  const cwd = into ? resolve(to) : dirname(resolve(to));
  const rename = (path: string): string => join(wanted, below(path, stat.name));
  await pipeline(await client.get(container, source), extract({
    cwd, preserveOwner: options.archive, strict: true,
    filter: (_path, entry) => {
      if (!(entry instanceof ReadEntry)) return false; // of creation alone
      entry.path = rename(entry.path);
      if (entry.type === 'Link' && entry.linkpath !== undefined) entry.linkpath = rename(entry.linkpath);
      return entry.path !== '' && entry.path !== '/';
    },
  }));
}

/** Copies into a container, likewise. */
export async function copyIn(client: ArchiveClient, container: string, from: string, to: string, options: CopyOptions): Promise<void> {
  const source = options.followLink ? real(from) : from;
  const stat = statOf(source, false);
  if (stat === null) throw new BayplanError('not-found', `no such file or directory: ${from}`);
  const { path, found } = await followed(client, container, to);
  if (found?.folder === false && stat.isDirectory()) throw new BayplanError('bad-request', `cannot copy a directory to the file ${to} of container ${container}`);
  if (found === null && !stat.isDirectory() && to.endsWith('/')) throw new BayplanError('not-found', `no such directory: ${to} in container ${container}`);
  const into = found?.folder === true;
  const named = resolve(source);
  const name = into ? (isContent(from) ? '' : basename(resolve(from))) : posix.basename(path);
  const archive = create({
    cwd: dirname(named), follow: false,
    onWriteEntry: (entry) => { entry.path = join(name, below(entry.path, basename(named))) || '.'; },
  }, [basename(named)]);
  archive.on('error', () => undefined); // the reader hears of the first; more, of other files that are gone, come when nobody reads any longer
  await client.put(container, into ? path : posix.dirname(path), Readable.from(archive), options.archive);
}

/** What is at a path of a container once its links are followed. */
async function followed(client: ArchiveClient, container: string, path: string): Promise<{ readonly path: string; readonly found: PathStat | null }> {
  const absolute = posix.join('/', path).replace(/(?<=.)\/$/, '');
  const found = await client.stat(container, absolute);
  if (found?.link !== true) return { path: absolute, found };
  const target = posix.resolve(posix.dirname(absolute), found.target);
  return { path: target, found: await client.stat(container, target) };
}

/** The rest of an archive's name below the first part, which is the source's own. */
function below(path: string, base: string): string {
  const clean = path.replace(/^(\.?\/)+/, '').replace(/\/+$/, '');
  return clean === base || base === '/' || base === '.' ? (clean === base ? '' : clean) : clean.startsWith(`${base}/`) ? clean.slice(base.length + 1) : clean;
}

function join(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('/');
}

function isContent(path: string): boolean {
  return path === '.' || path.endsWith('/.');
}

function missing(path: string, container: string): BayplanError {
  return new BayplanError('not-found', `no such file or directory: ${path} in container ${container}`);
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; // what is not there is said by whoever looks next
  }
}

function statOf(path: string, follow: boolean): Stats | null {
  try {
    return follow ? statSync(path) : lstatSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return null;
    throw new BayplanError('unreadable', `cannot look at ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
