import { existsSync, readFileSync } from 'node:fs';

/** What this engine may do, and what the machine below it has: facts that decide what of a container's spec can be held. */
export interface Machine {
  /** Whether resource limits may be raised and oom_score_adj lowered (CAP_SYS_RESOURCE). */
  readonly mayRaise: boolean;
  /** The engine's own oom_score_adj: without `mayRaise` no container of it can have less. */
  readonly oomScoreAdj: number;
  /** Version 2 of cgroups alone, without any hierarchy of version 1. */
  readonly cgroupV2: boolean;
  /** Numbers of its processors and memory nodes, as `0-2,7`; '': not known. */
  readonly processors: string;
  readonly memoryNodes: string;
}

const CAP_SYS_RESOURCE = 24n;

export function readMachine(): Machine {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return {
    mayRaise: (BigInt(`0x${effective}`) >> CAP_SYS_RESOURCE & 1n) === 1n,
    oomScoreAdj: Number(readFileSync('/proc/self/oom_score_adj', 'utf8')),
    cgroupV2: existsSync('/sys/fs/cgroup/cgroup.controllers'),
    processors: numbers('cpu'), memoryNodes: numbers('node'),
  };
}

function numbers(kind: 'cpu' | 'node'): string {
  const path = `/sys/devices/system/${kind}/online`;
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
}

/** The least oom_score_adj that a container can have. */
export function oomScoreFloor({ mayRaise, oomScoreAdj }: Machine): number {
  return mayRaise ? -1000 : Math.min(oomScoreAdj, 1000);
}
