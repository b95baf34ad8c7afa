import * as z from 'zod';

/** A rate of one device, by its path on the host: bytes or operations a second. */
export const DeviceRate = z.strictObject({ path: z.string(), rate: z.number().nonnegative() });
export type DeviceRate = z.infer<typeof DeviceRate>;

/** Shares and ceilings of disks. Weights from 10 to 1000; null: the kernel's default. */
export const BlockIo = z.strictObject({
  weight: z.int().nullable(),
  weightDevices: z.array(z.strictObject({ path: z.string(), weight: z.int() })),
  readBps: z.array(DeviceRate), writeBps: z.array(DeviceRate),
  readIops: z.array(DeviceRate), writeIops: z.array(DeviceRate),
});
export type BlockIo = z.infer<typeof BlockIo>;

export const NO_BLOCK_IO: BlockIo = { weight: null, weightDevices: [], readBps: [], writeBps: [], readIops: [], writeIops: [] };

/** What a container may use, and its share where it is scarce; null: no limit, the kernel's default. `memory` in bytes, `cpus` in cores. */
export const Resources = z.strictObject({
  memory: z.number().nullable(),
  cpus: z.number().nullable(),
  pids: z.int().nullable(),
  /** Bytes that it keeps where others want memory too. */
  memoryReservation: z.number().nullable().default(null),
  /** Memory and swap together, bytes; -1: without limit; null: twice the memory. */
  memorySwap: z.number().nullable().default(null),
  /** 0 to 100. */
  swappiness: z.int().nullable().default(null),
  oomKillDisable: z.boolean().default(false),
  cpuShares: z.int().nullable().default(null),
  /** Microseconds in each period; what `cpus` says in other words. */
  cpuQuota: z.int().nullable().default(null),
  cpuPeriod: z.int().nullable().default(null),
  cpuRtRuntime: z.int().nullable().default(null),
  cpuRtPeriod: z.int().nullable().default(null),
  /** Processors and memory nodes, as `0-2,7`; '': all. */
  cpuset: z.string().default(''),
  cpusetMems: z.string().default(''),
  blockIo: BlockIo.default(NO_BLOCK_IO),
});
export type Resources = z.infer<typeof Resources>;

/** A limit of a process, setrlimit(2); -1: none. */
export const Ulimit = z.strictObject({ soft: z.number(), hard: z.number() });
export type Ulimit = z.infer<typeof Ulimit>;

/** Names of limits, setrlimit(2) less `RLIMIT_`. */
const ULIMITS = ['as', 'core', 'cpu', 'data', 'fsize', 'locks', 'memlock', 'msgqueue', 'nice', 'nofile', 'nproc', 'rss', 'rtprio', 'rttime', 'sigpending', 'stack'];

/** What is wrong with a limit; null: nothing. */
export function ulimitProblem(name: string, { soft, hard }: Ulimit): string | null {
  if (!ULIMITS.includes(name)) return `ulimits: "${name}" is no limit of a process; expected one of ${ULIMITS.join(', ')}`;
  const above = hard >= 0 && (soft < 0 || soft > hard);
  return above ? `ulimits: the soft limit of ${name} (${soft < 0 ? 'none' : soft}) is above its hard one (${hard}); raise that, or lower the soft one` : null;
}
