import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Usage } from '../runtime/container/usage.ts';
import { writeAll } from './answer.ts';
import { flag, param, type Exchange } from './exchange.ts';

const INTERVAL_MS = 1000;
const NEVER = '0001-01-01T00:00:00Z';

/** What was counted at one moment. */
interface Sample { readonly at: string; readonly usage: Usage }

/**
 * `GET /containers/{id}/stats?stream=&one-shot=`: a JSON object a second, or with `stream=0` one, with the counts of a second before beside it unless `one-shot`. Of a
 * container that does not run, zeros.
 */
export async function containerStats(exchange: Exchange): Promise<void> {
  const { engine, query, response, gone } = exchange;
  const { name, status } = engine.container(param(exchange, 'id'));
  const id = status?.id ?? '';
  const take = (): Sample | null => {
    const usage = engine.containers.usage(name);
    return usage === null ? null : { at: new Date().toISOString(), usage };
  };
  const stream = query.get('stream') === null || flag(exchange, 'stream');
  let before: Sample | null = null;
  if (!stream && !flag(exchange, 'one-shot')) {
    before = take();
    if (before !== null) await sleep(INTERVAL_MS, undefined, { signal: gone });
  }
  response.writeHead(200, { 'Content-Type': 'application/json' });
  for (;;) {
    const now = take();
    await writeAll(response, `${JSON.stringify(statsJson(name, id, now, before))}\n`, gone);
    if (!stream) break;
    before = now;
    await sleep(INTERVAL_MS, undefined, { signal: gone });
    if (!engine.containers.list().has(name)) break;
  }
  response.end();
}

function statsJson(name: string, id: string, now: Sample | null, before: Sample | null): object {
  return {
    read: now?.at ?? NEVER, preread: before?.at ?? NEVER, name: `/${name}`, id, num_procs: 0, storage_stats: {},
    pids_stats: now === null ? {} : { current: now.usage.pids.current, ...(now.usage.pids.limit === 0 ? {} : { limit: now.usage.pids.limit }) },
    blkio_stats: {
      io_service_bytes_recursive: now?.usage.io.map(({ major, minor, op, bytes }) => ({ major, minor, op, value: bytes })) ?? null,
      io_serviced_recursive: null, io_queue_recursive: null, io_service_time_recursive: null, io_wait_time_recursive: null, io_merged_recursive: null, io_time_recursive: null, sectors_recursive: null,
    },
    cpu_stats: cpuJson(now), precpu_stats: cpuJson(before),
    memory_stats: now === null ? {} : { usage: now.usage.memory.usage, limit: now.usage.memory.limit, stats: now.usage.memory.details },
    ...(now === null || now.usage.networks === null ? {} : {
      networks: Object.fromEntries(Object.entries(now.usage.networks).map(([link, counts]) => [link, {
        rx_bytes: counts.rxBytes, rx_packets: counts.rxPackets, rx_errors: counts.rxErrors, rx_dropped: counts.rxDropped,
        tx_bytes: counts.txBytes, tx_packets: counts.txPackets, tx_errors: counts.txErrors, tx_dropped: counts.txDropped,
      }])),
    }),
  };
}

function cpuJson(sample: Sample | null): object {
  const cpu = sample?.usage.cpu;
  return {
    cpu_usage: { total_usage: cpu?.total ?? 0, ...(cpu === undefined || cpu.each.length === 0 ? {} : { percpu_usage: cpu.each }), usage_in_kernelmode: cpu?.system ?? 0, usage_in_usermode: cpu?.user ?? 0 },
    ...(sample === null ? {} : { system_cpu_usage: sample.usage.machine, online_cpus: cpus().length }),
    throttling_data: { periods: cpu?.periods ?? 0, throttled_periods: cpu?.throttledPeriods ?? 0, throttled_time: cpu?.throttled ?? 0 },
  };
}
