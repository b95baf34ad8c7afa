import { defineConfig } from 'vitest/config';

const root = new URL('..', import.meta.url).pathname;

// `unit` needs no root and is fast: its files share a process a worker. `root` runs against this kernel: its tests wait more than they compute. `vm` and `long` measure the machine as a whole, one file at a time.
// Times are bounds: on a machine that does other things too, all takes longer.
export default defineConfig({
  test: {
    chaiConfig: { truncateThreshold: 300 }, // a run's last lines are all that some see of it
    projects: [
      { test: { name: 'unit', root, include: ['test/**/*.test.ts'], exclude: ['test/root/**', 'test/vm/**', 'test/peers/**', 'test/long/**'], isolate: false, maxWorkers: 2, testTimeout: 60_000, hookTimeout: 60_000 } },
      { test: { name: 'root', root, include: ['test/root/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 120_000, maxWorkers: 3 } },
      { test: { name: 'peers', root, include: ['test/peers/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000, maxWorkers: 3 } },
      { test: { name: 'vm', root, include: ['test/vm/**/*.test.ts'], testTimeout: 480_000, hookTimeout: 480_000, fileParallelism: false } },
      { test: { name: 'long', root, include: ['test/long/**/*.test.ts'], testTimeout: 900_000, hookTimeout: 300_000, fileParallelism: false } },
    ],
  },
});
