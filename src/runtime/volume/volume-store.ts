import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, chown, lstat, mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { Drift } from '../../state/drift.ts';
import { VolumeSpec, type Volume } from '../../state/volume.ts';
import { driverOptsProblem, shownDriverOpts } from '../../state/volume-options.ts';
import { KeyedMutex } from '../container/mutex.ts';
import type { Paths } from '../../state/paths.ts';
import { readRecord, syncFolder, writeRecord } from '../record.ts';
import { SetAsides } from '../set-aside.ts';
import { copyUp, copyUpMounted, isInImage } from './copy-up.ts';
import { mountRequestOf } from './mount-options.ts';
import { mountsBelow, mountTable } from './mount-table.ts';
import { refuseMounted, VolumeMounts } from './volume-mounts.ts';
import type { Volumes } from './volumes.ts';

// Below paths.volumes/<name>:
//   _data          what containers see
//   volume.json    the record; written last: a folder without one that holds nothing was cut off while it was made
//   staged         a whole copy of an image's content on its way into _data, moved there entry by entry
//   staged.tmp     such a copy that is not whole yet
// A volume on its way out is renamed to paths.volumes/.removing.<random> first: only what stands there, or is empty, is deleted without being asked.

const VERSION = 1;
/** `volumes/<name>/volume.json`. */
export const VolumeRecord = z.strictObject({ version: z.literal(VERSION), stack: z.string(), spec: VolumeSpec, createdAt: z.number() });
export type VolumeRecord = z.infer<typeof VolumeRecord>;
/** Who uses a volume that is a mount while an image's content is copied into it. */
const COPYING = 'copy-up';
/** No name of a volume begins with a dot. */
const REMOVING = '.removing.';

/** `core`: path of bayplan-core, which copies. `users`: names of the containers that use a volume. */
interface VolumeContext { readonly paths: Paths; readonly now: () => number; readonly core: string; readonly users: (volume: string) => readonly string[]; readonly asides?: SetAsides }

/** Opens the volumes below `paths.volumes` and finishes what a crash interrupted. */
export async function createVolumes(context: VolumeContext): Promise<Volumes> {
  const { paths, asides = new SetAsides() } = context;
  // A container's root may leave a setuid program in a volume: no user of the host may come near it.
  await mkdir(paths.volumes, { recursive: true, mode: 0o700 });
  await chmod(paths.volumes, 0o700);
  const records = new Map<string, VolumeRecord>();
  for (const name of await readdir(paths.volumes)) {
    const folder = join(paths.volumes, name);
    if (name.startsWith(REMOVING) || !existsSync(join(folder, 'volume.json'))) {
      if (name.startsWith(REMOVING) ? mountsBelow(folder).length === 0 : await holdsNothing(folder)) await rm(folder, { recursive: true, force: true });
      else if (!name.startsWith(REMOVING)) asides.add({ kind: 'volume', name, stack: null, error: new BayplanError('record-damaged', `volume ${name} is set aside: ${folder} has no volume.json: put that back from a backup, or move the files elsewhere, and restart the engine`) });
      continue;
    }
    const record = asides.read({ kind: 'volume', name, stack: null }, () => readRecord(join(folder, 'volume.json'), VolumeRecord, VERSION, 'put it back from a backup and restart the engine; what the volume holds is left as it is'));
    if (record === null) continue;
    records.set(name, record);
    await rm(join(folder, 'staged.tmp'), { recursive: true, force: true });
    await moveStaged(folder);
  }
  return new VolumeStore({ ...context, asides }, records);
}

class VolumeStore implements Volumes {
  readonly #folder: string;
  readonly #core: string;
  readonly #now: () => number;
  readonly #users: VolumeContext['users'];
  readonly #records: Map<string, VolumeRecord>;
  readonly #asides: SetAsides;
  readonly #mounts: VolumeMounts;
  readonly #mutex = new KeyedMutex();
  readonly #listeners = new Set<(event: 'create' | 'destroy', name: string, volume: Volume) => void>();
  readonly #drift = new Map<string, readonly Drift[]>();

  constructor({ paths, core, now, users, asides }: VolumeContext & { readonly asides: SetAsides }, records: Map<string, VolumeRecord>) {
    this.#folder = paths.volumes;
    this.#core = core;
    this.#now = now;
    this.#users = users;
    this.#records = records;
    this.#asides = asides;
    this.#mounts = new VolumeMounts(core);
  }

  list(): ReadonlyMap<string, Volume> {
    return new Map([...this.#records].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, { stack, spec, createdAt }]) => (
      [name, { stack, spec, status: { mountpoint: this.mountpoint(name), createdAt, ...this.#driftOf(name) } }])));
  }

  /** By what the folders list: to look at the data itself could take long, where it is on another machine. */
  look(): void {
    this.#drift.clear();
    const mounts = mountTable();
    for (const [name, { spec }] of this.#records) {
      const folder = join(this.#folder, name);
      const there = existsSync(folder) ? readdirSync(folder) : [];
      const missing = ['_data', 'volume.json'].filter((entry) => !there.includes(entry));
      const drift = missing.map((entry): Drift => ({ kind: 'data', field: entry === '_data' ? 'data' : 'record', expected: join(folder, entry), found: `no such ${entry === '_data' ? 'folder' : 'file'}` }));
      if (mountRequestOf(spec) !== null && this.#mounts.isLost(name, this.mountpoint(name), mounts)) drift.push({ kind: 'data', field: 'mount', expected: `mounted at ${this.mountpoint(name)}`, found: 'not mounted' });
      if (drift.length > 0) this.#drift.set(name, drift);
    }
  }

  get anyMounted(): boolean {
    return [...this.#records.values()].some(({ spec }) => mountRequestOf(spec) !== null);
  }

  places(): readonly string[] {
    return [this.#folder, ...[...this.#records.keys()].map((name) => join(this.#folder, name))];
  }

  #driftOf(name: string): { drift?: Drift[] } {
    const drift = this.#drift.get(name);
    return drift === undefined ? {} : { drift: [...drift] };
  }

  onEvent(listener: (event: 'create' | 'destroy', name: string, volume: Volume) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async create(name: string, stack: string, spec: VolumeSpec): Promise<void> {
    // Docker's rule. A name becomes a folder, so nothing else may pass.
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) throw new BayplanError('bad-request', `volume "${name}": a name begins with a letter or digit and goes on with letters, digits, _ . -`);
    const problem = driverOptsProblem(spec.driverOpts);
    if (problem !== null) throw new BayplanError('bad-request', `volume ${name}: ${problem}`);
    this.#asides.refuse('volume', name);
    return this.#mutex.run(name, async () => {
      const existing = this.#records.get(name);
      if (existing !== undefined) return assertSame(name, existing, stack, spec);
      const folder = join(this.#folder, name);
      refuseMounted(`a folder in the way of volume ${name}`, folder);
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { mode: 0o711 });
      await mkdir(join(folder, '_data'), { mode: 0o755 });
      await chmod(join(folder, '_data'), 0o755);
      const record: VolumeRecord = { version: VERSION, stack, spec, createdAt: this.#now() };
      await writeRecord(join(folder, 'volume.json'), record);
      await syncFolder(this.#folder);
      this.#records.set(name, record);
      this.#emit('create', name, record);
    });
  }

  async label(name: string, labels: Readonly<Record<string, string>>): Promise<void> {
    await this.#mutex.run(name, async () => {
      this.#asides.refuse('volume', name);
      const record = this.#records.get(name);
      if (record === undefined) throw new BayplanError('not-found', `no such volume: ${name}`);
      const labelled = { ...record, spec: { ...record.spec, labels } };
      await writeRecord(join(this.#folder, name, 'volume.json'), labelled);
      this.#records.set(name, labelled);
    });
  }

  remove(name: string): Promise<void> {
    return this.#mutex.run(name, async () => {
      this.#asides.refuse('volume', name);
      const record = this.#records.get(name);
      if (record === undefined) return;
      const folder = join(this.#folder, name);
      refuseMounted(`volume ${name}`, folder);
      const users = this.#users(name);
      if (users.length > 0) throw new BayplanError('conflict', `remove ${name}: volume is in use by ${users.join(', ')}: remove that first`);
      this.#records.delete(name); // in the same turn: no container can be made with it in between
      // One rename ends it: what is half removed is no volume any more, and is cleared by the next engine.
      const removing = join(this.#folder, `${REMOVING}${randomBytes(8).toString('hex')}`);
      try {
        await rename(folder, removing);
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) { // else somebody has deleted the folder: all that is left of it is that it is known
          this.#records.set(name, record);
          throw error;
        }
      }
      await rm(removing, { recursive: true, force: true });
      await syncFolder(this.#folder);
      this.#emit('destroy', name, record);
    });
  }

  #emit(event: 'create' | 'destroy', name: string, { stack, spec }: VolumeRecord): void {
    for (const listener of this.#listeners) listener(event, name, { stack, spec, status: null });
  }

  async attach(names: readonly string[], container: string): Promise<void> {
    for (const name of names) {
      const record = this.#records.get(name);
      if (record !== undefined) await this.#mounts.attach(name, record.spec, this.mountpoint(name), container);
    }
  }

  async detach(names: readonly string[], container: string): Promise<void> {
    for (const name of names) if (this.#records.has(name)) await this.#mounts.detach(name, this.mountpoint(name), container);
  }

  adopt(names: readonly string[], container: string): void {
    for (const name of names) this.#mounts.adopt(name, container);
  }

  async unmountUnused(): Promise<void> {
    const mounts = [...this.#records].filter(([, { spec }]) => mountRequestOf(spec) !== null);
    await Promise.all(mounts.map(([name]) => this.#mounts.unmountUnused(name, this.mountpoint(name)))); // each may wait for a server
  }

  mountpoint(name: string): string {
    this.#asides.refuse('volume', name);
    if (!this.#records.has(name)) throw new BayplanError('not-found', `volume ${name} does not exist: create it first`);
    return join(this.#folder, name, '_data');
  }

  copyUp(name: string, layers: readonly string[], target: string): Promise<void> {
    return this.#mutex.run(name, async () => {
      const data = this.mountpoint(name);
      const record = this.#records.get(name);
      if (record === undefined) return;
      const part = { core: this.#core, layers, target, volume: name };
      if (mountRequestOf(record.spec) !== null) {
        if (!await isInImage(part)) return;
        await this.#mounts.attach(name, record.spec, data, COPYING);
        try {
          await copyUpMounted(part, data);
        } finally {
          await this.#mounts.detach(name, data, COPYING);
        }
        return;
      }
      if (readdirSync(data).length > 0) return;
      const folder = join(this.#folder, name);
      const temporary = join(folder, 'staged.tmp');
      await rm(temporary, { recursive: true, force: true });
      await mkdir(temporary, { mode: 0o700 });
      try {
        if (!await copyUp(part, temporary)) return;
        await rename(temporary, join(folder, 'staged'));
      } finally {
        await rm(temporary, { recursive: true, force: true });
      }
      await moveStaged(folder);
    });
  }
}

function assertSame(name: string, { stack, spec }: VolumeRecord, wantedStack: string, wanted: VolumeSpec): void {
  if (stack !== wantedStack) throw new BayplanError('conflict', `volume ${name} belongs to ${stack === '' ? 'no stack' : `stack ${stack}`}, not to ${wantedStack === '' ? 'none' : wantedStack}: name it differently, or declare it external`);
  const differing = (['driver', 'external', 'driverOpts', 'labels'] as const).find((field) => canonical(spec[field]) !== canonical(wanted[field]));
  if (differing !== undefined) throw new BayplanError('conflict', `volume ${name} exists with another ${differing}: ${shown(spec, differing)}, wanted ${shown(wanted, differing)}; remove it first (its data goes with it) or keep it as it was`);
}

/** A folder as a making that was cut off leaves it: an empty `_data` and a record not yet in its place at most. */
async function holdsNothing(folder: string): Promise<boolean> {
  if (!(await lstat(folder)).isDirectory() || mountsBelow(folder).length > 0) return false;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isFile() && /^volume\.json\.[0-9a-f]{8}\.tmp$/.test(entry.name)) continue;
    if (entry.name !== '_data' || !entry.isDirectory() || (await readdir(join(folder, '_data'))).length > 0) return false;
  }
  return true;
}

/** For people: without passwords. */
function shown(spec: VolumeSpec, field: 'driver' | 'external' | 'driverOpts' | 'labels'): string {
  return canonical(field === 'driverOpts' ? shownDriverOpts(spec.driverOpts) : spec[field]);
}

function canonical(value: string | boolean | Record<string, string>): string {
  return JSON.stringify(typeof value === 'object' ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value);
}

/**
 * Moves the staged entries into `_data`, beside which they stand, and gives it the staged folder's owner and mode. Not one rename of the whole:
 * another container may have `_data` mounted already. Repeatable: what is there by that name stays.
 */
async function moveStaged(folder: string): Promise<void> {
  const staged = join(folder, 'staged');
  const data = join(folder, '_data');
  if (!existsSync(staged)) return;
  // As bytes: names in images need not be UTF-8.
  for (const entry of await readdir(staged, { encoding: 'buffer' })) {
    const from = Buffer.concat([Buffer.from(`${staged}/`), entry]);
    const to = Buffer.concat([Buffer.from(`${data}/`), entry]);
    if (existsSync(to)) await rm(from, { recursive: true, force: true });
    else await rename(from, to);
  }
  const { uid, gid, mode } = await lstat(staged);
  await chown(data, uid, gid);
  await chmod(data, mode & 0o7777);
  await rmdir(staged);
}
