import { expect, test } from 'vitest';
import { DoubleBuffer } from '../../../../src/runtime/image/registry/double-buffer.ts';

test('writes what it was given, in order, one write at a time, while more comes', async () => {
  const written: Buffer[] = [];
  let running = 0;
  const buffer = new DoubleBuffer(async (bytes) => {
    expect(++running).toBe(1);
    await new Promise(setImmediate);
    written.push(Buffer.from(bytes));
    running--;
  });
  const chunks = Array.from({ length: 50 }, (_, i) => Buffer.alloc(i * 1000, i));
  for (const chunk of chunks) {
    const own = Buffer.from(chunk);
    await buffer.push(own);
    own.fill(255);
  }
  await buffer.flush();
  expect(Buffer.concat(written).equals(Buffer.concat(chunks))).toBe(true);
});

test('a write that fails is thrown', async () => {
  const buffer = new DoubleBuffer(() => Promise.reject(new Error('full')));
  await buffer.push(Buffer.alloc(10));
  await expect(buffer.flush()).rejects.toThrow('full');
});
