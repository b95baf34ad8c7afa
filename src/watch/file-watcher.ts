import { lstatSync, readdirSync, readFileSync, statSync, watch, type FSWatcher, type Stats } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { BayplanError } from '../state/bayplan-error.ts';
import { isBelow } from './is-below.ts';

export interface FileWatcherOptions {
  /** Whether nothing below a folder matters; it is not followed then. */
  readonly skips: (folder: string) => boolean;
  /** A path that was made, written, renamed or removed, or is below one that was. */
  readonly changed: (path: string) => void;
  /** What cannot be followed, and why. */
  readonly failed: (error: BayplanError) => void;
}

interface Folder { readonly watcher: FSWatcher; readonly ino: number; /** All that is in it matters, and what is in its folders. */ readonly deep: boolean; readonly names: Set<string> }

/**
 * Follows files and whole folders through inotify: one watch a folder, none a file (Node's own `recursive` and chokidar have one for each file: ten times the start and the memory at 10,000 of them). Roots that
 * are not there are waited for, ones that are replaced are followed again. The kernel's queue holds so many events, and what comes on top is lost without a word to us: after so many, all is looked through.
 */
export class FileWatcher {
  readonly #options: FileWatcherOptions;
  readonly #folders = new Map<string, Folder>();
  #roots: readonly string[] = [];
  readonly #most = mostEvents() / 4;
  #events = 0;
  #since = Date.now();
  #rest: NodeJS.Timeout | null = null;

  constructor(options: FileWatcherOptions) {
    this.#options = options;
  }

  /** Number of folders that are followed. */
  get size(): number {
    return this.#folders.size;
  }

  /** From now on these files and folders, absolute, and no others. */
  follow(roots: readonly string[]): void {
    this.#roots = [...new Set(roots)].sort();
    for (const path of [...this.#folders.keys()]) if (this.#depth(path) === 'none') this.#forget(path);
    for (const root of this.#roots) this.#enter(root);
  }

  close(): void {
    if (this.#rest !== null) clearTimeout(this.#rest);
    for (const { watcher } of this.#folders.values()) watcher.close();
    this.#folders.clear();
    this.#roots = [];
  }

  /** Follows what of a root is there: it, and the nearest folder above it, in which it may appear, or be replaced. */
  #enter(root: string): void {
    for (let above = '', now = nearestAbove(root); now !== above; now = nearestAbove(root)) { // more of it may have come while it was entered
      above = now;
      this.#add(above, this.#depth(above) === 'deep');
    }
    if (folderAt(root) !== null) this.#descend(root, null);
  }

  /** How a folder is to be followed by what the roots are. */
  #depth(path: string): 'deep' | 'flat' | 'none' {
    const below = this.#roots.find((root) => isBelow(path, root));
    if (below !== undefined && !this.#skipped(path, below)) return 'deep';
    return this.#roots.some((root) => isBelow(root, path)) ? 'flat' : 'none';
  }

  #skipped(path: string, root: string): boolean {
    for (let at = path; at !== root; at = dirname(at)) if (this.#options.skips(at)) return true;
    return false;
  }

  /** Follows a folder and all below it; `found`: what to tell of what is there already. */
  #descend(folder: string, found: ((path: string) => void) | null): void {
    if (!this.#add(folder, true)) return;
    for (const entry of entriesOf(folder)) {
      const path = join(folder, entry.name);
      this.#folders.get(folder)?.names.add(entry.name);
      found?.(path);
      if (entry.isDirectory() && !this.#options.skips(path)) this.#descend(path, found);
    }
  }

  /** False: it has gone, or cannot be followed. */
  #add(folder: string, deep: boolean): boolean {
    const stat = folderAt(folder);
    if (stat === null) return false;
    const before = this.#folders.get(folder);
    if (before?.ino === stat.ino && (before.deep || !deep)) return true;
    this.#forget(folder);
    try {
      const watcher = watch(folder, { encoding: 'buffer' }, (_kind, name) => this.#event(folder, name === null ? '' : name.toString()));
      watcher.on('error', (error) => this.#options.failed(new BayplanError('watch-failed', `${folder} cannot be followed any more: ${error.message}`)));
      this.#folders.set(folder, { watcher, ino: stat.ino, deep, names: new Set() });
      return true;
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') this.#options.failed(refusal(folder, error));
      return false;
    }
  }

  #forget(folder: string): void {
    this.#folders.get(folder)?.watcher.close();
    this.#folders.delete(folder);
  }

  /** A folder has gone or been replaced: what was in it may not be in what took its place. */
  #leave(folder: string): void {
    for (const [each, { deep, names }] of [...this.#folders]) {
      if (!isBelow(each, folder)) continue;
      this.#forget(each);
      if (deep) for (const name of names) this.#options.changed(join(each, name));
    }
  }

  #event(folder: string, name: string): void {
    const entry = this.#folders.get(folder);
    if (entry === undefined) return;
    this.#count();
    const path = join(folder, name);
    const own = name === basename(folder) || name === '';
    if (own && folderAt(folder)?.ino !== entry.ino) return this.#look(folder); // the folder itself has gone
    if (entry.deep || this.#roots.some((root) => isBelow(root, path))) this.#look(path);
  }

  /** Something has happened at a path. */
  #look(path: string): void {
    const stat = statAt(path);
    const parent = this.#folders.get(dirname(path));
    const known = this.#folders.get(path);
    const name = basename(path);
    if (stat === null && known === undefined && parent?.deep === true && !parent.names.has(name)) return; // it came and went, or is no name of the folder's
    if (stat === null) parent?.names.delete(name);
    else if (parent?.deep === true) parent.names.add(name);
    if (known !== undefined && folderAt(path)?.ino !== known.ino) this.#leave(path);
    const depth = this.#depth(path);
    // What a root leads to, when it is a link, is followed as the root.
    const folder = stat?.isDirectory() === true || (this.#roots.includes(path) && folderAt(path) !== null);
    if (folder && depth === 'deep' && !this.#folders.has(path)) this.#descend(path, (each) => this.#options.changed(each));
    if (depth === 'deep') this.#options.changed(path);
    else if (depth === 'flat' || known !== undefined) for (const root of this.#roots) if (isBelow(root, path)) this.#appeared(root);
  }

  /** A folder above a root has come, gone or been replaced. */
  #appeared(root: string): void {
    this.#enter(root);
    this.#options.changed(root);
    for (const path of this.#folders.keys()) if (isBelow(path, root)) for (const entry of entriesOf(path)) this.#options.changed(join(path, entry.name));
  }

  #count(): void {
    this.#events++;
    if (this.#rest !== null) clearTimeout(this.#rest);
    this.#rest = setTimeout(() => {
      const lost = this.#events > this.#most;
      if (lost) this.#lookThrough(this.#since - 1000);
      this.#events = 0;
      this.#since = Date.now();
    }, 50).unref(); // before the burst that they are in has ended
  }

  /** Finds by names and times what has changed since a time, in ms since the epoch. */
  #lookThrough(since: number): void {
    for (const [folder, { deep, names }] of [...this.#folders]) {
      if (!deep) continue;
      const now = new Set(entriesOf(folder).map((entry) => entry.name));
      for (const name of names) if (!now.has(name)) this.#look(join(folder, name));
      for (const name of now) if (!names.has(name) || (statAt(join(folder, name))?.ctimeMs ?? 0) >= since) this.#look(join(folder, name));
    }
  }
}

/** The nearest folder above a path that is there. */
function nearestAbove(path: string): string {
  let above = dirname(path);
  while (above !== '/' && folderAt(above) === null) above = dirname(above);
  return above;
}

function entriesOf(folder: string): readonly { readonly name: string; isDirectory(): boolean }[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return []; // it has gone meanwhile, which its parent tells of, or cannot be read
  }
}

function statAt(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch {
    return null;
  }
}

/** Of the folder that is there, or that a link leads to. */
function folderAt(path: string): Stats | null {
  try {
    const stat = statSync(path);
    return stat.isDirectory() ? stat : null;
  } catch {
    return null;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function refusal(folder: string, error: unknown): BayplanError {
  const limit = { ENOSPC: 'max_user_watches', EMFILE: 'max_user_instances' }[codeOf(error)];
  const why = limit === undefined ? (error instanceof Error ? error.message : String(error)) : `the kernel's limit fs.inotify.${limit} is reached: raise it with sysctl`;
  return new BayplanError('watch-failed', `${folder} cannot be followed: ${why}`);
}

/** What the kernel keeps of events that nobody has read. */
function mostEvents(): number {
  return Number(readFileSync('/proc/sys/fs/inotify/max_queued_events', 'utf8')) || 16_384;
}
