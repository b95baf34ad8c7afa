import { isDeepStrictEqual } from 'node:util';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { ContainerChanges, ContainerSpec } from '../../state/container.ts';
import type { Resources } from '../../state/resources.ts';
import { specProblems } from '../../state/spec-problems.ts';
import type { ContainerEntry } from './container-entry.ts';
import type { ContainerRecord } from './record.ts';
import { limitCgroup } from './core-process.ts';
import { deviceNumbers } from './device-numbers.ts';
import { resourcesChange } from './update-resources.ts';

/** The spec with its changes, before anything is done. Throws BayplanError `bad-request` where it could not be. */
export function changedSpec({ record: { name, spec: before }, phase }: ContainerEntry, changes: ContainerChanges): ContainerSpec {
  const after = { ...before, ...changes };
  const [problem] = specProblems(after);
  if (problem !== undefined) throw new BayplanError('bad-request', `container ${name}: ${problem.text}`);
  const { cpuset, cpusetMems } = before.resources;
  const taken = (cpuset !== '' && after.resources.cpuset === '') || (cpusetMems !== '' && after.resources.cpusetMems === '');
  if (phase === 'running' && taken) throw new BayplanError('bad-request', `container ${name}: the choice of processors cannot be taken away while it runs: choose all`);
  return after;
}

/**
 * Brings a container to a spec whose limits may be others. They are in the record as what is to come, then at the cgroup, then in the record as what is: an engine that is killed in between
 * finishes it (`finishLimits`). Throws BayplanError `limit-refused` where the kernel does not take a limit: then the former ones hold.
 */
export async function changeSpec(core: string, entry: ContainerEntry, after: ContainerSpec, update: (change: Partial<ContainerRecord>) => void): Promise<void> {
  if (entry.phase === 'running' && !isDeepStrictEqual(entry.record.spec.resources, after.resources)) {
    update({ pending: after });
    try {
      await setLimits(core, entry, after.resources);
    } catch (error) {
      update({ pending: null });
      throw error;
    }
  }
  update({ spec: after, pending: null });
}

/** After a start of the engine: an earlier one may have been killed while it changed the limits of this container. */
export async function finishLimits(core: string, entry: ContainerEntry, update: (change: Partial<ContainerRecord>) => void): Promise<void> {
  const { pending } = entry.record;
  if (pending !== null) await changeSpec(core, entry, pending, update);
}

async function setLimits(core: string, { record: { name, spec }, files }: ContainerEntry, after: Resources): Promise<void> {
  const limit = (from: Resources, to: Resources): Promise<void> => limitCgroup(core, files, resourcesChange(from, to, deviceNumbers));
  await limit(spec.resources, after).catch(async (error: unknown) => {
    await limit(after, spec.resources).catch(() => undefined); // what was taken before the one that was not; the first failure is the one to tell
    throw new BayplanError('limit-refused', `container ${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  });
}
