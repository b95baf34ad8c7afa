import { existsSync, fstatSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { hasProcesses, hierarchies, removeCgroups } from '../runtime/cgroup-folders.ts';
import { deleteCgroup } from '../runtime/container/core-process.ts';
import type { Kernel } from '../runtime/kernel.ts';
import { networkRemains, type NetworkRemains, removeRemainingLinks, removeRemainingRules } from '../runtime/network/remains.ts';
import type { Link } from '../runtime/network/rtnetlink.ts';
import type { SweepAnswer } from '../state/messages.ts';
import { type InstancePaths, instancePaths, pathsOf } from '../state/paths.ts';
import { emptyRunFolder, removeRunFolder } from './run-folder-removal.ts';

const RUN = '/run';

/** How long another engine that starts just then, and sweeps the same, is waited for. */
const ANOTHER_SWEEPS_MS = 5000;
const AGAIN_MS = 20;

/** `own`: the instance that sweeps. `core`: the program that ends what still runs; null: that stays, and all with it. `dryRun`: nothing is changed. `until`: so long another one that sweeps is waited for, on the clock of `performance`. */
interface Sweeping { readonly kernel: Kernel; readonly own: string; readonly core: string | null; readonly dryRun: boolean; readonly until: number }
type Swept = Omit<SweepAnswer, 'version'>;
const NOTHING: Swept = { removed: [], kept: [] };

/**
 * Takes away what engines have left whose root folders were deleted: their run folders, which say where the root was, mounts, links, rules, cgroups. At each engine's start, where it is cheap if there is
 * none. What belongs to an engine that is stopped or was killed stays, since its root is there; so does what a living engine holds the lock of, and what a container still runs of. `report` gets what could
 * not be taken away, which keeps nobody from an engine.
 */
export async function sweepDeserted(kernel: Kernel, own: string, report: (line: string) => void): Promise<void> {
  const deserted = runFolders().filter((instance) => instance !== own && isGone(instance));
  for (const instance of deserted) await sweepOne(instance, { kernel, own, core: null, dryRun: false, until: 0 }).catch((error: unknown) => report(`not taken away: ${failureOf(instance, error)}`));
}

/** The same at a person's word, and what is left of engines whose run folders have gone as well: such an engine, should it live all the same (in another mount namespace), makes it anew. `roots`: of these folders alone, where there are any. */
export async function sweepAll(by: Omit<Sweeping, 'until'>, roots: readonly string[]): Promise<SweepAnswer> {
  const sweeping = { ...by, until: performance.now() + ANOTHER_SWEEPS_MS };
  const meant = new Set(roots.map((root) => pathsOf(root).instance));
  const instances = knownInstances(await networkRemains(sweeping.kernel)).filter((instance) => instance !== sweeping.own && (meant.size === 0 || meant.has(instance)) && (isGone(instance) || !existsSync(join(RUN, `bayplan-${instance}`, 'root'))));
  return { version: 1, ...await sweep(instances.sort(), sweeping) };
}

async function sweep(instances: readonly string[], sweeping: Sweeping): Promise<Swept> {
  const all: Swept[] = [];
  for (const instance of instances) {
    all.push(await sweepOne(instance, sweeping).catch((error: unknown) => ({ removed: [], kept: [failureOf(instance, error)] }))); // the next one tries again
  }
  return { removed: all.flatMap(({ removed }) => removed), kept: all.flatMap(({ kept }) => kept) };
}

function failureOf(instance: string, error: unknown): string {
  return `${instancePaths(instance).run}: ${error instanceof Error ? error.message : String(error)}`;
}

/** Holds the lock meanwhile that an engine of that root would have to take first. */
async function sweepOne(instance: string, sweeping: Sweeping): Promise<Swept> {
  const { kernel, core, dryRun } = sweeping;
  const { run, lock: path } = instancePaths(instance);
  const gone = isGone(instance);
  if (gone && core === null && cgroupsOf(instance).folders.some(hasProcesses)) return stillRuns(instance); // the lock is left to whoever ends that
  const until = gone ? sweeping.until : 0;
  for (;;) {
    const fresh = !existsSync(run);
    mkdirSync(run, { recursive: true, mode: 0o755 });
    const lock = kernel.lock(path);
    try {
      if (lock !== null && fstatSync(lock).ino === statSync(path, { throwIfNoEntry: false })?.ino) {
        if (!fresh && !isGone(instance) && existsSync(join(run, 'root'))) return NOTHING; // it has come back since
        const swept = await sweepLocked(instance, sweeping);
        if (fresh || (!dryRun && swept.kept.length === 0)) removeRunFolder(run, kernel);
        return swept;
      }
    } finally {
      if (lock !== null) kernel.close(lock);
    }
    // A living engine, or another one that sweeps just now.
    if (performance.now() >= until) return until > 0 && isGone(instance) ? { removed: [], kept: [`${run} of ${rootOf(instance) ?? ''}, which is gone: an engine lives there: end it first`] } : NOTHING;
    await sleep(AGAIN_MS);
  }
}

async function sweepLocked(instance: string, { kernel, core, dryRun }: Sweeping): Promise<Swept> {
  const paths = instancePaths(instance);
  const { run, table, cgroup } = paths;
  const root = rootOf(instance);
  const { groups, folders } = cgroupsOf(instance);
  const held = bundlesOf(paths).some((bundle) => isHeld(kernel, join(bundle, 'lock')));
  const remains = await networkRemains(kernel);
  const links = linksOf(instance, remains);
  // Of an engine whose run folder has gone, who lives in the network namespaces shows by their links alone.
  const lives = held || folders.some(hasProcesses) || (root === null && links.some(({ kind }) => kind === 'veth'));
  if (lives && core === null) return stillRuns(instance);
  const removed = [
    ...(root === null ? [] : [`${run} of ${root}, which is gone`]), ...links.map(({ name }) => `link ${name}`), ...(remains.tables.has(table) ? [`table inet ${table}`] : []), ...(folders.length > 0 ? [`cgroup ${cgroup}`] : []),
  ];
  if (dryRun) return { removed, kept: [] };
  if (core !== null) for (const group of groups) await deleteCgroup(core, group);
  if (existsSync(run)) emptyRunFolder(run, kernel);
  await removeRemainingLinks(kernel, linksOf(instance, await networkRemains(kernel)));
  if (remains.tables.has(table)) removeRemainingRules(kernel, table);
  folders.forEach(removeCgroups);
  return { removed, kept: [] };
}

function stillRuns(instance: string): Swept {
  const { run, cgroup, linkPrefix } = instancePaths(instance);
  const root = rootOf(instance);
  return { removed: [], kept: [`${root === null ? `${cgroup}, links ${linkPrefix}*` : `${run} of ${root}, which is gone`}: something of it still runs: --kill ends that`] };
}

/** Cgroups of its containers, and the engine's own, where the shims are; and their folders that there are. */
function cgroupsOf(instance: string): { readonly groups: ReadonlySet<string>; readonly folders: readonly string[] } {
  const paths = instancePaths(instance);
  const groups = new Set([...bundlesOf(paths).map((bundle) => cgroupOf(bundle) ?? ''), `/${paths.cgroup}`].filter((group) => group !== ''));
  return { groups, folders: [...groups].flatMap((group) => hierarchies().map((mountpoint) => join(mountpoint, group))).filter((folder) => existsSync(folder)) };
}

/** All that is named for an instance other than the default root's. */
function knownInstances({ tables }: NetworkRemains): readonly string[] {
  const names = [...tables, ...hierarchies().flatMap((mountpoint) => readdirSync(mountpoint)), ...runFolders().map((instance) => `bayplan-${instance}`)];
  return [...new Set(names.flatMap((name) => /^bayplan-([0-9a-f]{8})$/.exec(name)?.[1] ?? []))];
}

/** Links bear four digits of the eight alone: where another instance has the same ones, whose they are is not known. */
function linksOf(instance: string, remains: NetworkRemains): readonly Link[] {
  const shared = knownInstances(remains).some((other) => other !== instance && other.slice(0, 4) === instance.slice(0, 4));
  return shared ? [] : remains.links.get(instancePaths(instance).linkPrefix) ?? [];
}

function runFolders(): readonly string[] {
  return readdirSync(RUN).flatMap((name) => /^bayplan-([0-9a-f]{8})$/.exec(name)?.[1] ?? []);
}

/** Null where its run folder does not say, or is not there. */
function rootOf(instance: string): string | null {
  try {
    return readFileSync(join(RUN, `bayplan-${instance}`, 'root'), 'utf8');
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}

function isGone(instance: string): boolean {
  const root = rootOf(instance);
  return root !== null && isDeleted(root);
}

/** A root folder that cannot be looked at (its disk has errors) is there, and so is one that a server or a program has, which may never answer. `mounts`: as in mountinfo (proc_pid_mountinfo(5)). */
export function isDeleted(root: string, mounts = readFileSync('/proc/self/mountinfo', 'utf8')): boolean {
  if (ANSWERS_WHEN_IT_LIKES.test(fileSystemAt(root, mounts))) return false;
  try {
    statSync(root);
    return false;
  } catch (error) {
    return isAbsent(error); // throwIfNoEntry: false would be silent of ENOTDIR too, with Node 22 and not with 20
  }
}

const ANSWERS_WHEN_IT_LIKES = /^(nfs|cifs|smb|ceph|fuse|9p|afs|gluster|lustre|ocfs|gfs)/;

/** Its type, by the mount that is nearest above the path, the last one of several at one place. */
function fileSystemAt(path: string, mounts: string): string {
  let nearest = { point: '', type: '' };
  for (const line of mounts.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const point = (before.split(' ')[4] ?? '').replaceAll(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))).replace(/\/$/, '');
    if (line !== '' && (path === point || path.startsWith(`${point}/`)) && point.length >= nearest.point.length) nearest = { point, type: after.split(' ', 1)[0] ?? '' };
  }
  return nearest.type;
}

function bundlesOf({ bundles }: InstancePaths): readonly string[] {
  return existsSync(bundles) ? readdirSync(bundles).map((name) => join(bundles, name)) : [];
}

/** A shim holds the lock of its bundle for as long as it lives. */
function isHeld(kernel: Kernel, path: string): boolean {
  if (!existsSync(path)) return false;
  const lock = kernel.lock(path);
  if (lock !== null) kernel.close(lock);
  return lock === null;
}

const Bundle = z.object({ linux: z.object({ cgroupsPath: z.string() }) });

/** Null where the bundle was not made whole. */
function cgroupOf(bundle: string): string | null {
  try {
    const read = Bundle.safeParse(JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')));
    return read.success ? read.data.linux.cgroupsPath : null;
  } catch (error) {
    if (isAbsent(error) || error instanceof SyntaxError) return null;
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
