import { lstatSync, type Stats } from 'node:fs';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ArchiveClient } from '../client/archive-client.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { SyncedPath } from './decide.ts';

/** Files of one folder of the container: by name there, what to copy from here, and what is no more. */
interface FolderWork { readonly copied: Map<string, string>; readonly gone: Set<string>; /** A file that is a rule's own place: a folder there is not replaced by it. */ own: boolean }

/** Files that go or shrink while they are read are looked at again so often, later and later: a large folder takes seconds to go. */
const ATTEMPTS = 8;
const PAUSE_MS = 25;

/** Makes these files in a container what they are here: of the container's user, links as links, without following any here. Rejects with what the engine says. */
export async function syncFiles(client: Pick<ArchiveClient, 'put' | 'remove'>, container: string, paths: readonly SyncedPath[]): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      for (const [folder, work] of foldersOf(paths)) {
        if (work.gone.size > 0) await client.remove(container, folder, [...work.gone]);
        if (work.copied.size > 0) await put(client, container, folder, work);
      }
      return;
    } catch (error) {
      if (error instanceof BayplanError || attempt === ATTEMPTS) throw error;
      await sleep(PAUSE_MS * 2 ** (attempt - 1));
    }
  }
}

function foldersOf(paths: readonly SyncedPath[]): ReadonlyMap<string, FolderWork> {
  const folders = new Map<string, FolderWork>();
  for (const { path, target, name } of paths) {
    const stat = statOf(path);
    if (name === '' && (target === '/' || stat?.isDirectory() === true)) continue; // the folder of a rule stays what it is in the container
    const [folder, base] = name === '' ? [posix.dirname(target), posix.basename(target)] : [target, name];
    const work = folders.get(folder) ?? { copied: new Map<string, string>(), gone: new Set<string>(), own: false };
    folders.set(folder, work);
    if (name === '') work.own = true;
    if (stat === null) work.gone.add(base);
    else work.copied.set(base, path);
  }
  return folders;
}

/** Into the folder, which is made where it is missing. */
async function put(client: Pick<ArchiveClient, 'put'>, container: string, folder: string, { copied, own }: FolderWork): Promise<void> {
  try {
    await client.put(container, folder, await archiveOf(copied, ''), true, !own);
  } catch (error) {
    if (!(error instanceof BayplanError && error.code === 'not-found' && folder !== '/')) throw error;
    await client.put(container, '/', await archiveOf(copied, folder.slice(1)), true, !own);
  }
}

async function archiveOf(copied: ReadonlyMap<string, string>, below: string): Promise<Readable> {
  const { create } = await import('tar'); // takes as long to load as a small stack file to read
  const names = new Map([...copied].map(([name, path]) => [path.slice(1), posix.join(below, name)]));
  const pack = create({
    cwd: '/', follow: false, noDirRecurse: true, strict: true, linkCache: new NoLinks(),
    onWriteEntry: (entry) => { entry.path = names.get(entry.path.replace(/^\.?\//, '').replace(/\/$/, '')) ?? entry.path; },
  }, [...names.keys()].map((path) => `./${path}`));
  pack.on('error', () => undefined); // the reader hears of the first; more, of other files that are gone, come when nobody reads any longer
  return Readable.from(pack);
}

/** Of files with several names each is copied by itself: the other names may be anywhere. */
class NoLinks extends Map<`${number}:${number}`, string> {
  override get(): undefined {
    return undefined;
  }
}

/** Null: there is nothing. */
function statOf(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return null;
    throw new BayplanError('unreadable', `cannot look at ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
