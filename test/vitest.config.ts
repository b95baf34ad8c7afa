import { defineConfig } from 'vitest/config';

// `unit` needs no root and is fast; `root` runs against this kernel, one file at a time where it measures the machine as a whole.
export default defineConfig({
  test: {
    chaiConfig: { truncateThreshold: 300 }, // a run's last lines are all that some see of it
    projects: [
      { test: { name: 'unit', root: new URL('..', import.meta.url).pathname, include: ['test/**/*.test.ts'], exclude: ['test/root/**', 'test/vm/**', 'test/peers/**', 'test/long/**'] } },
      { test: { name: 'root', root: new URL('..', import.meta.url).pathname, include: ['test/root/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 120_000, maxWorkers: 2 } },
      { test: { name: 'peers', root: new URL('..', import.meta.url).pathname, include: ['test/peers/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 120_000 } },
      { test: { name: 'vm', root: new URL('..', import.meta.url).pathname, include: ['test/vm/**/*.test.ts'], testTimeout: 300_000, hookTimeout: 300_000, fileParallelism: false } },
      { test: { name: 'long', root: new URL('..', import.meta.url).pathname, include: ['test/long/**/*.test.ts'], testTimeout: 900_000, hookTimeout: 300_000, fileParallelism: false } },
    ],
  },
});
