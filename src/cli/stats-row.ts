import { fields, list, nullable, number, optional, type Outline, table, text } from '../client/outline.ts';
import { humanSize } from './human-size.ts';

/** An answer of `GET /containers/{id}/stats`, as far as the command line looks at it. */
export interface Stats {
  readonly pids_stats: { readonly current?: number };
  readonly cpu_stats: Cpu;
  readonly precpu_stats: Cpu;
  readonly memory_stats: { readonly usage?: number; readonly limit?: number; readonly stats?: Readonly<Record<string, number>> };
  readonly blkio_stats: { readonly io_service_bytes_recursive: readonly { readonly op: string; readonly value: number }[] | null };
  readonly networks?: Readonly<Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>>;
}
interface Cpu { readonly cpu_usage: { readonly total_usage: number }; readonly system_cpu_usage?: number; readonly online_cpus?: number }

const cpu = fields<Cpu>({ cpu_usage: fields<Cpu['cpu_usage']>({ total_usage: number }), system_cpu_usage: optional(number), online_cpus: optional(number) });
export const statsOutline: Outline<Stats> = fields<Stats>({
  pids_stats: fields<Stats['pids_stats']>({ current: optional(number) }), cpu_stats: cpu, precpu_stats: cpu, memory_stats: fields<Stats['memory_stats']>({ usage: optional(number), limit: optional(number), stats: optional(table(number)) }),
  blkio_stats: fields<Stats['blkio_stats']>({ io_service_bytes_recursive: nullable(list(fields<{ readonly op: string; readonly value: number }>({ op: text, value: number }))) }),
  networks: optional(table(fields<{ readonly rx_bytes: number; readonly tx_bytes: number }>({ rx_bytes: number, tx_bytes: number }))),
});

/** Docker's fields. */
export interface StatsRow {
  readonly BlockIO: string; readonly CPUPerc: string; readonly Container: string; readonly ID: string; readonly MemPerc: string; readonly MemUsage: string; readonly Name: string; readonly NetIO: string; readonly PIDs: string;
}

/** Rates are those since `before`, or since the counts that came along. Memory is without the file cache that can go at any time, as docker shows it. */
export function statsRow(stats: Stats, before: Stats | null, { id, name, whole }: { readonly id: string; readonly name: string; readonly whole: boolean }): StatsRow {
  const former = before?.cpu_stats ?? stats.precpu_stats;
  const machine = (stats.cpu_stats.system_cpu_usage ?? 0) - (former.system_cpu_usage ?? 0);
  const cpu = machine > 0 ? (stats.cpu_stats.cpu_usage.total_usage - former.cpu_usage.total_usage) / machine * (stats.cpu_stats.online_cpus ?? 1) * 100 : 0;
  const { usage = 0, limit = 0, stats: details } = stats.memory_stats;
  const cache = details?.['total_inactive_file'] ?? details?.['inactive_file'] ?? 0;
  const memory = usage - (cache < usage ? cache : 0);
  const links = Object.values(stats.networks ?? {});
  const io = (op: string): number => (stats.blkio_stats.io_service_bytes_recursive ?? []).filter((each) => each.op === op).reduce((sum, { value }) => sum + value, 0);
  const sum = (counts: readonly number[]): string => humanSize(counts.reduce((total, count) => total + count, 0));
  return {
    BlockIO: `${humanSize(io('read'))} / ${humanSize(io('write'))}`, CPUPerc: `${cpu.toFixed(2)}%`, Container: id, ID: whole ? id : id.slice(0, 12),
    MemPerc: `${(limit === 0 ? 0 : memory / limit * 100).toFixed(2)}%`, MemUsage: `${binarySize(memory)} / ${binarySize(limit)}`, Name: name,
    NetIO: `${sum(links.map(({ rx_bytes }) => rx_bytes))} / ${sum(links.map(({ tx_bytes }) => tx_bytes))}`, PIDs: String(stats.pids_stats.current ?? 0),
  };
}

/** As docker writes memory: binary, four digits. */
function binarySize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${Number((bytes / 1024 ** power).toPrecision(4))}${units[power] ?? 'B'}`;
}
