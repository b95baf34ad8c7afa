import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { volumesUsedBy } from '../../state/volume-users.ts';
import { findProcess, readExit } from './find-process.ts';
import { isFrozen, setFrozen } from './freezer.ts';
import { type AsideContainer, asideContainer } from './aside-container.ts';
import { filesOf, type ContainerFiles } from './bundle-files.ts';
import type { ContainerContext } from './container-context.ts';
import { newEntry, type ContainerEntry } from './container-entry.ts';
import { readHealth, readPorts, readRestarts } from './container-notes.ts';
import { readLatest } from './container-records.ts';
import { deleteCgroup } from './core-process.ts';
import { sendSignal, SIGKILL } from './ending.ts';
import { leaveHost } from './leave-host.ts';
import type { ContainerRecord } from './record.ts';
import { removeRemains } from './removal.ts';
import { keepAddresses } from './renew-addresses.ts';
import type { ShimClient } from './shim-client.ts';

/** Who gets to know what is found. */
export interface Adopter {
  readonly context: ContainerContext;
  readonly entries: Map<string, ContainerEntry>;
  /** Those whose records cannot be read. */
  readonly aside: AsideContainer[];
  /** Takes over a running container. */
  watch(entry: ContainerEntry, shim: ShimClient): void;
  /** Gets to know of one of which not all that was written lately may be on disk: its record, its end. */
  written(entry: ContainerEntry): void;
}

/** What is written to a file is on disk by itself after so long, with room to spare. */
const WRITTEN_MS = 120_000;

/**
 * Reads the containers that earlier engines left: finds those that run, notes the ends of the others, finishes removals that were begun, and takes
 * away what belongs to no record. One whose record cannot be read is left as it is, its process, namespace and files too.
 */
export async function adoptAll(adopter: Adopter): Promise<void> {
  const { paths, core, networks, report } = adopter.context;
  const known = new Set<string>();
  await Promise.all(readdirSync(paths.containers).map(async (id) => {
    const files = filesOf(paths, id);
    try {
      const record = recordOf(adopter, id, files);
      known.add(id.slice(0, 16));
      if (record !== null) await adoptOne(adopter, record, filesOf(paths, id, record.spec.cgroupParent));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      await rm(files.state, { recursive: true, force: true }).catch((failure: unknown) => { // a creation that did not come as far as its record
        report(`what is left of a container below ${files.state} could not be taken away: ${failure instanceof Error ? failure.message : String(failure)}`);
      });
    }
  }));
  for (const { id, addresses, name } of adopter.aside) {
    try {
      networks.reserve(id, addresses);
    } catch (error) { // a container that can be read has it
      report(`container ${name === '' ? id.slice(0, 12) : name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  for (const short of readdirSync(paths.bundles)) {
    if (known.has(short)) continue;
    const stale = filesOf(paths, short.padEnd(64, '0')); // its record is gone: nobody knows this container any more
    try {
      await deleteCgroup(core, stale.cgroup);
      await leaveHost(adopter.context, stale);
      await rm(stale.bundle, { recursive: true, force: true });
    } catch (error) { // the next engine tries again
      report(`what is left of a container below ${stale.bundle} could not be taken away: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

/** Null where it is set aside. Throws ENOENT where there is none. */
function recordOf({ context: { paths, asides }, aside }: Adopter, id: string, files: ContainerFiles): ContainerRecord | null {
  const read = (): ContainerRecord => readLatest(files, `put it back from a backup, or remove ${files.state}, the container with all that it has written, and restart the engine`);
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') throw error;
    const told = asideContainer(paths, id, files);
    aside.push(told);
    return asides.read({ kind: 'container', name: told.name === '' ? id.slice(0, 12) : told.name, stack: told.stack }, () => { throw error; });
  }
}

async function adoptOne(adopter: Adopter, record: ContainerRecord, files: ContainerFiles): Promise<void> {
  const { networks, report, now } = adopter.context;
  const entry = { ...newEntry(record, files), held: existsSync(files.held), interrupted: existsSync(files.interrupted), removing: existsSync(files.removing), restarts: readRestarts(files) };
  adopter.entries.set(record.name, entry);
  if (existsSync(files.fresh)) adopter.written(entry);
  try {
    keepAddresses(networks, record);
    if (entry.removing) await finishRemoval(adopter, entry);
    else await findState(adopter, entry);
  } catch (error) { // one container must not keep all others from their engine
    report(`${record.name}: it could not be adopted: ${error instanceof Error ? error.message : String(error)}`);
    Object.assign(entry, { phase: 'lost', exitCode: 137, finishedAt: now(), view: null });
  }
}

async function finishRemoval({ context, entries }: Adopter, entry: ContainerEntry): Promise<void> {
  const found = await findProcess(context.kernel, entry.files);
  if (found.state === 'running') {
    await sendSignal(found.shim, SIGKILL, true);
    await found.shim.gone;
  }
  if (readExit(entry.files) === null) await deleteCgroup(context.core, entry.files.cgroup);
  await removeRemains(context, entry);
  entries.delete(entry.record.name);
}

async function findState(adopter: Adopter, entry: ContainerEntry): Promise<void> {
  const { kernel, volumes, core, now, report } = adopter.context;
  const { record, files } = entry;
  const found = await findProcess(kernel, files);
  if (found.state === 'running') {
    if (existsSync(files.borrowed)) {
      await setFrozen(files.cgroup, false);
      rmSync(files.borrowed, { force: true });
    }
    Object.assign(entry, { ready: found.ready, startedAt: found.ready.startedAt ?? Math.round(statSync(files.pid).mtimeMs), ports: readPorts(files, (line) => report(`${record.name}: ${line}`)), paused: isFrozen(files.cgroup), ...readHealth(files, (line) => report(`${record.name}: ${line}`)) });
    volumes.adopt(volumesUsedBy(record.spec, record.anonymousVolumes), record.id);
    adopter.watch(entry, found.shim);
  } else if (found.state === 'exited') {
    const { exitCode, oomKilled, outputLost, startedAt, finishedAt } = found.exit;
    await leaveHost(adopter.context, files);
    Object.assign(entry, { phase: 'exited', exitCode, oomKilled, outputLost, startedAt, finishedAt });
    if (now() - finishedAt < WRITTEN_MS) adopter.written(entry);
  } else if (record.error !== '' || existsSync(files.log)) { // a shim makes it first of all: a start was begun
    // Its shim was killed, or the machine went down: no end was recorded.
    await deleteCgroup(core, files.cgroup);
    await leaveHost(adopter.context, files);
    Object.assign(entry, { phase: record.error === '' ? 'lost' : 'exited', exitCode: record.error === '' ? 137 : record.errorCode, finishedAt: now() });
  }
}
