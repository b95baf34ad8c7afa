import type { Machine } from '../runtime/machine.ts';
import { oomScoreFloor } from '../runtime/machine.ts';
import type { ContainerSpec } from '../state/container.ts';
import type { Desired } from '../state/state.ts';

/** What of a desired state this machine cannot hold, though its containers can run without it: a line each. */
export function machineNotes(desired: Desired, machine: Machine): readonly string[] {
  return Object.entries(desired.services).flatMap(([name, { template }]) => unheld(template, machine).map((note) => `service ${name}: ${note}`));
}

/** The same of one container. */
export function unheld({ oomScoreAdj, resources }: ContainerSpec, machine: Machine): readonly string[] {
  const floor = oomScoreFloor(machine);
  return [
    ...(oomScoreAdj < floor && oomScoreAdj !== 0 ? [`oom_score_adj ${oomScoreAdj} cannot be given without CAP_SYS_RESOURCE, it gets ${floor}`] : []),
    ...(machine.cgroupV2 && resources.swappiness !== null ? ['mem_swappiness is ignored: cgroup v2 has none'] : []),
    ...(machine.cgroupV2 && resources.oomKillDisable ? ['oom_kill_disable is ignored: cgroup v2 has none'] : []),
    ...(resources.oomKillDisable && resources.memory === null ? ['oom_kill_disable without mem_limit can bring the whole machine to a standstill'] : []),
  ];
}
