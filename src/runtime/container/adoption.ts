import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BayplanError } from '../../state/bayplan-error.ts';
import { volumesUsedBy } from '../../state/volume-users.ts';
import { readRecord } from '../record.ts';
import { findProcess, readExit } from './find-process.ts';
import { isFrozen } from './freezer.ts';
import { filesOf, type ContainerFiles } from './bundle-files.ts';
import type { ContainerContext } from './container-context.ts';
import { newEntry, type ContainerEntry } from './container-entry.ts';
import { readPorts, readRestarts } from './container-notes.ts';
import { deleteCgroup } from './core-process.ts';
import { sendSignal, SIGKILL } from './ending.ts';
import { leaveRoot } from './leave-root.ts';
import { ContainerRecord } from './record.ts';
import { removeRemains } from './removal.ts';
import type { ShimClient } from './shim-client.ts';

/** Who gets to know what is found. */
export interface Adopter {
  readonly context: ContainerContext;
  readonly entries: Map<string, ContainerEntry>;
  /** Takes over a running container. */
  watch(entry: ContainerEntry, shim: ShimClient): void;
}

/**
 * Reads the containers that earlier engines left: finds those that run, notes the ends of the others, finishes removals that were begun, and takes
 * away what belongs to no record.
 */
export async function adoptAll(adopter: Adopter): Promise<void> {
  const { paths, core } = adopter.context;
  const known = new Set<string>();
  await Promise.all(readdirSync(paths.containers).map(async (id) => {
    const files = filesOf(paths, id);
    const record = await recordOf(adopter.context, id, files);
    if (record === null) return;
    known.add(id.slice(0, 16));
    await adoptOne(adopter, record, filesOf(paths, id, record.spec.cgroupParent));
  }));
  for (const short of readdirSync(paths.bundles)) {
    if (known.has(short)) continue;
    const stale = filesOf(paths, short.padEnd(64, '0')); // its record is gone: nobody knows this container any more
    await deleteCgroup(core, stale.cgroup);
    await leaveRoot(core, stale);
    await rm(stale.bundle, { recursive: true, force: true });
  }
}

/** Null where there is none to be had; its files are then out of the way. */
async function recordOf(context: ContainerContext, id: string, files: ContainerFiles): Promise<ContainerRecord | null> {
  try {
    return readRecord(files.record, ContainerRecord, 1);
  } catch (error) {
    if (error instanceof BayplanError && error.code === 'record-damaged') await setAside(context, id, files, error);
    else if (error instanceof Error && 'code' in error && error.code === 'ENOENT') await rm(files.state, { recursive: true, force: true }); // a creation that did not come as far as its record
    else throw error;
    return null;
  }
}

/** A record that cannot be read: its container is ended, its files are kept for whoever wants to look. */
async function setAside({ core, paths, report }: ContainerContext, id: string, files: ContainerFiles, error: BayplanError): Promise<void> {
  await deleteCgroup(core, files.cgroup);
  const aside = join(paths.root, 'damaged');
  mkdirSync(aside, { recursive: true, mode: 0o700 });
  renameSync(files.state, join(aside, id));
  report(`${error.message}; its container was ended and its files are kept in ${join(aside, id)}`);
}

async function adoptOne(adopter: Adopter, record: ContainerRecord, files: ContainerFiles): Promise<void> {
  const { networks, report, now } = adopter.context;
  const entry = { ...newEntry(record, files), held: existsSync(files.held), removing: existsSync(files.removing), restarts: readRestarts(files) };
  adopter.entries.set(record.name, entry);
  try {
    for (const [network, ipv4] of Object.entries(record.addresses)) {
      if (networks.spec(network) !== null) networks.allocate(network, record.id, { ipv4, ipv6: record.ipv6Addresses[network] ?? null });
    }
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
  const { kernel, volumes, core, now } = adopter.context;
  const { record, files } = entry;
  const found = await findProcess(kernel, files);
  if (found.state === 'running') {
    Object.assign(entry, { ready: found.ready, startedAt: Math.round(statSync(files.pid).mtimeMs), ports: readPorts(files), paused: isFrozen(files.cgroup) });
    volumes.adopt(volumesUsedBy(record.spec, record.anonymousVolumes), record.id);
    adopter.watch(entry, found.shim);
  } else if (found.state === 'exited') {
    const { exitCode, oomKilled, startedAt, finishedAt } = found.exit;
    await leaveRoot(core, files);
    Object.assign(entry, { phase: 'exited', exitCode, oomKilled, startedAt, finishedAt });
  } else if (record.error !== '' || existsSync(files.log)) { // a shim makes it first of all: a start was begun
    // Its shim was killed, or the machine went down: no end was recorded.
    await deleteCgroup(core, files.cgroup);
    await leaveRoot(core, files);
    Object.assign(entry, { phase: record.error === '' ? 'lost' : 'exited', exitCode: record.error === '' ? 137 : record.errorCode, finishedAt: now() });
  }
}
