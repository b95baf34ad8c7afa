import { existsSync, readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';

/** What a container has used, as the kernel counts it. Times in ns, sizes in bytes. */
export interface Usage {
  readonly cpu: { readonly total: number; /** Of each processor; empty where the kernel does not say. */ readonly each: readonly number[]; readonly user: number; readonly system: number; readonly periods: number; readonly throttledPeriods: number; readonly throttled: number };
  /** CPU time that the whole machine has spent, idle or not. */
  readonly machine: number;
  /** `limit` is the machine's memory where none is set. `details` as in memory.stat. */
  readonly memory: { readonly usage: number; readonly limit: number; readonly details: Readonly<Record<string, number>> };
  /** `limit` 0: none. */
  readonly pids: { readonly current: number; readonly limit: number };
  readonly io: readonly { readonly major: number; readonly minor: number; readonly op: 'read' | 'write'; readonly bytes: number }[];
  /** Of its own network namespace, by link; null where it lives in the host's. */
  readonly networks: Readonly<Record<string, LinkUsage>> | null;
}

export interface LinkUsage {
  readonly rxBytes: number; readonly rxPackets: number; readonly rxErrors: number; readonly rxDropped: number;
  readonly txBytes: number; readonly txPackets: number; readonly txErrors: number; readonly txDropped: number;
}

const TOP = '/sys/fs/cgroup';
/** Of cpuacct.stat, a second. */
const TICKS = 100;

/** Reads what a cgroup's controllers have counted, of v2 alone or of v1's hierarchies; what no controller here counts is 0. `pid`: one of its processes. */
export function usageOf(cgroup: string, pid: number, ownNetwork: boolean): Usage {
  const counted = existsSync(join(TOP, 'cgroup.controllers')) ? usageV2(join(TOP, cgroup)) : usageV1((controller) => join(TOP, controller, cgroup));
  return { ...counted, machine: machineCpu(), networks: ownNetwork ? linksOf(read(`/proc/${pid}/net/dev`)) : null };
}

function machineCpu(): number {
  const [, ...ticks] = (read('/proc/stat').split('\n', 1)[0] ?? '').split(/\s+/);
  return ticks.slice(0, 8).reduce((sum, each) => sum + Number(each), 0) * (1e9 / TICKS);
}

function usageV2(folder: string): Omit<Usage, 'networks' | 'machine'> {
  const cpu = keyed(read(join(folder, 'cpu.stat')));
  return {
    cpu: {
      total: (cpu['usage_usec'] ?? 0) * 1000, each: [], user: (cpu['user_usec'] ?? 0) * 1000, system: (cpu['system_usec'] ?? 0) * 1000,
      periods: cpu['nr_periods'] ?? 0, throttledPeriods: cpu['nr_throttled'] ?? 0, throttled: (cpu['throttled_usec'] ?? 0) * 1000,
    },
    memory: { usage: number(read(join(folder, 'memory.current'))), limit: memoryLimit(read(join(folder, 'memory.max'))), details: keyed(read(join(folder, 'memory.stat'))) },
    pids: { current: number(read(join(folder, 'pids.current'))), limit: number(read(join(folder, 'pids.max'))) },
    io: ioV2(read(join(folder, 'io.stat'))),
  };
}

function usageV1(folder: (controller: string) => string): Omit<Usage, 'networks' | 'machine'> {
  const cpu = keyed(read(join(folder('cpu'), 'cpu.stat')));
  const account = keyed(read(join(folder('cpuacct'), 'cpuacct.stat')));
  return {
    cpu: {
      total: number(read(join(folder('cpuacct'), 'cpuacct.usage'))), each: (read(join(folder('cpuacct'), 'cpuacct.usage_percpu')).match(/\d+/g) ?? []).map(Number), user: (account['user'] ?? 0) * (1e9 / TICKS), system: (account['system'] ?? 0) * (1e9 / TICKS),
      periods: cpu['nr_periods'] ?? 0, throttledPeriods: cpu['nr_throttled'] ?? 0, throttled: cpu['throttled_time'] ?? 0,
    },
    memory: { usage: number(read(join(folder('memory'), 'memory.usage_in_bytes'))), limit: memoryLimit(read(join(folder('memory'), 'memory.limit_in_bytes'))), details: keyed(read(join(folder('memory'), 'memory.stat'))) },
    pids: { current: number(read(join(folder('pids'), 'pids.current'))), limit: number(read(join(folder('pids'), 'pids.max'))) },
    io: ioV1(read(join(folder('blkio'), 'blkio.throttle.io_service_bytes_recursive'))),
  };
}

/** '' for a file that is not there: its controller is not, or the container has just ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && ['ENOENT', 'ENODEV', 'ESRCH', 'EOPNOTSUPP', 'EINVAL'].includes(String(error.code))) return '';
    throw error;
  }
}

/** 0 for nothing, and for `max`. */
function number(text: string): number {
  const value = Number(text.trim());
  return Number.isFinite(value) ? value : 0;
}

/** v1 writes the highest number there is for no limit. */
function memoryLimit(text: string): number {
  const limit = number(text);
  return limit === 0 || limit > totalmem() ? totalmem() : limit;
}

function keyed(text: string): Readonly<Record<string, number>> {
  return Object.fromEntries(text.split('\n').flatMap((line) => {
    const [key = '', value = ''] = line.split(' ');
    return value === '' ? [] : [[key, number(value)]];
  }));
}

/** Lines as `8:0 rbytes=1 wbytes=2 rios=3 …`. */
function ioV2(text: string): Usage['io'] {
  return text.split('\n').flatMap((line) => {
    const [device = '', ...counts] = line.split(' ');
    const [major = 0, minor = 0] = device.split(':').map(Number);
    const found = Object.fromEntries(counts.map((count) => count.split('=')));
    return (['read', 'write'] as const).flatMap((op) => (found[`${op[0] ?? ''}bytes`] === undefined ? [] : [{ major, minor, op, bytes: number(found[`${op[0] ?? ''}bytes`]) }]));
  });
}

/** Lines as `8:0 Read 1`. */
function ioV1(text: string): Usage['io'] {
  return text.split('\n').flatMap((line) => {
    const [device = '', op = '', bytes = ''] = line.split(' ');
    const [major = 0, minor = 0] = device.split(':').map(Number);
    return op === 'Read' || op === 'Write' ? [{ major, minor, op: op === 'Read' ? 'read' as const : 'write' as const, bytes: number(bytes) }] : [];
  });
}

/** Lines as `eth0: BYTES PACKETS ERRORS DROPPED …` of what came in, and from the ninth on of what went out; without the loopback link. */
function linksOf(text: string): Readonly<Record<string, LinkUsage>> {
  return Object.fromEntries(text.split('\n').flatMap((line): readonly (readonly [string, LinkUsage])[] => {
    const at = line.indexOf(':');
    const name = line.slice(0, at).trim();
    if (at < 0 || name === 'lo') return [];
    const [rxBytes = 0, rxPackets = 0, rxErrors = 0, rxDropped = 0, , , , , txBytes = 0, txPackets = 0, txErrors = 0, txDropped = 0] = line.slice(at + 1).trim().split(/\s+/).map(Number);
    return [[name, { rxBytes, rxPackets, rxErrors, rxDropped, txBytes, txPackets, txErrors, txDropped }]];
  }));
}
