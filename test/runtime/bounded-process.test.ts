import { expect, test } from 'vitest';
import { runBounded } from '../../src/runtime/bounded-process.ts';

test('answers what a program printed and how it ended', async () => {
  expect(await runBounded('sh', ['-c', 'echo out; echo err >&2; exit 3'], 5000)).toEqual({ code: 3, stdout: 'out\n', stderr: 'err\n', bytes: Buffer.from('out\n') });
  await expect(runBounded('/no/such/program', [], 5000)).rejects.toThrow('ENOENT');
});

test('does not wait for one that takes too long', async () => {
  const begin = performance.now();
  expect(await runBounded('sleep', ['60'], 50)).toBeNull();
  expect(performance.now() - begin).toBeLessThan(30_000);
});
