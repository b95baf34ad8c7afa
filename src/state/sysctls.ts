import type { ContainerSpec } from './container.ts';

const OF_IPC = new Set(['kernel.msgmax', 'kernel.msgmnb', 'kernel.msgmni', 'kernel.sem', 'kernel.shmall', 'kernel.shmmax', 'kernel.shmmni', 'kernel.shm_rmid_forced']);

/** What is wrong with setting a kernel parameter for one container alone; null: nothing. Those that no namespace of its own holds would be the host's. */
export function sysctlProblem(name: string, { networkMode }: Pick<ContainerSpec, 'networkMode'>): string | null {
  if (!/^[a-zA-Z0-9_-]+([./][a-zA-Z0-9_:*@-]+)+$/.test(name)) return `sysctls: "${name}" is not the name of a kernel parameter such as net.core.somaxconn`;
  const dotted = name.replaceAll('/', '.');
  if (dotted.startsWith('net.')) return networkMode === 'host' ? `sysctls: ${name} belongs to the network, which is the host's with network_mode "host"; set it there` : null;
  if (OF_IPC.has(dotted) || dotted.startsWith('fs.mqueue.') || dotted === 'kernel.domainname') return null;
  return `sysctls: ${name} is the whole machine's and cannot be set for one container; set it on the host`;
}
