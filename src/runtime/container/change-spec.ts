import { BayplanError } from '../../state/bayplan-error.ts';
import type { ContainerChanges, ContainerSpec } from '../../state/container.ts';
import type { Resources } from '../../state/resources.ts';
import { specProblems } from '../../state/spec-problems.ts';
import type { ContainerEntry } from './container-entry.ts';
import { limitCgroup } from './core-process.ts';
import { deviceNumbers } from './device-numbers.ts';
import { resourcesChange } from './update-resources.ts';

/**
 * Sets what changes at the cgroup, where the container runs; resolves to the spec to keep.
 * Throws BayplanError `bad-request`, or `limit-refused` where the kernel does not take a limit: then the former ones hold.
 */
export async function changeSpec(core: string, { record, files, phase }: ContainerEntry, changes: ContainerChanges): Promise<ContainerSpec> {
  const { name, spec: before } = record;
  const after = { ...before, ...changes };
  const [problem] = specProblems(after);
  if (problem !== undefined) throw new BayplanError('bad-request', `container ${name}: ${problem.text}`);
  if (phase !== 'running' || changes.resources === undefined) return after;
  const { cpuset, cpusetMems } = before.resources;
  if ((cpuset !== '' && after.resources.cpuset === '') || (cpusetMems !== '' && after.resources.cpusetMems === '')) throw new BayplanError('bad-request', `container ${name}: the choice of processors cannot be taken away while it runs: choose all`);
  const limit = (from: Resources, to: Resources): Promise<void> => limitCgroup(core, files, resourcesChange(from, to, deviceNumbers));
  await limit(before.resources, after.resources).catch(async (error: unknown) => {
    await limit(after.resources, before.resources).catch(() => undefined); // what was taken before the one that was not; the first failure is the one to tell
    throw new BayplanError('limit-refused', `container ${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  });
  return after;
}
