import { existsSync, mkdirSync } from 'node:fs';
import type { Drift } from '../../state/drift.ts';
import { capabilitiesOf } from './capabilities.ts';
import { freezeDrift, membershipDrift, mendMembership } from './cgroup-drift.ts';
import type { ContainerContext } from './container-context.ts';
import type { ContainerEntry } from './container-entry.ts';
import { limitCgroup } from './core-process.ts';
import { limitDrift, limitsToMend } from './limit-drift.ts';
import { mountDrift, mountPoints } from './mount-drift.ts';

/**
 * What of a container that runs is not as it was made: its namespace's links, addresses and routes, its cgroup, limits, mounts, record and files. What a container may change itself, by its capabilities, is
 * its own affair. One whose process is gone without an exit shows that by its phase.
 */
export async function containerDrift({ networks }: Pick<ContainerContext, 'networks'>, entry: ContainerEntry): Promise<readonly Drift[]> {
  const { record: { id, spec, runtime, storage }, files, ready } = entry;
  if (entry.phase !== 'running' || ready === null || entry.removing) return [];
  const capabilities = capabilitiesOf(spec);
  const drift: Drift[] = [...await networks.driftOf(id, !capabilities.includes('CAP_NET_ADMIN'))];
  if (runtime === 'bayplan') drift.push(...limitDrift(spec.resources, files.cgroup), ...membershipDrift(ready.pid, files.cgroup), ...freezeDrift(entry));
  const points = capabilities.includes('CAP_SYS_ADMIN') ? null : mountPoints(ready.pid);
  if (points !== null) drift.push(...mountDrift(spec, points, entry.mountsSeen));
  if (!existsSync(files.record) && !existsSync(files.fresh)) drift.push({ kind: 'record', field: 'record', expected: files.record, found: 'no such file' });
  if (!existsSync(files.bundle)) drift.push({ kind: 'mount', field: 'bundle', expected: files.bundle, found: 'no such folder' }); // /etc/hosts and its kin come from there
  if (storage === 'overlay' && !existsSync(files.upper)) drift.push({ kind: 'data', field: 'data', expected: `what it has written, in ${files.upper}`, found: 'no such folder' });
  return drift;
}

/** Puts right what can be put right while it runs. `save`: writes its record. */
export async function mendContainer({ networks, core }: Pick<ContainerContext, 'networks' | 'core'>, entry: ContainerEntry, save: () => void): Promise<void> {
  const { record: { id, spec }, files, drift } = entry;
  if (entry.phase !== 'running') return;
  await mendMembership(entry);
  const limits = drift.filter(({ kind, field }) => kind === 'limit' && !field.startsWith('cgroup')).map(({ field }) => field);
  if (limits.length > 0) await limitCgroup(core, entry, limitsToMend(spec.resources, limits));
  if (drift.some(({ kind }) => kind === 'network')) await networks.mend(id);
  if (drift.some(({ kind }) => kind === 'record')) {
    mkdirSync(files.state, { recursive: true, mode: 0o700 });
    save();
  }
}
