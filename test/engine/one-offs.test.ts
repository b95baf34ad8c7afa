import { expect, test } from 'vitest';
import { OneOffs } from '../../src/engine/one-offs.ts';

function later<T>(value: T): { readonly promise: Promise<T>; readonly settle: () => void } {
  let settle = (): void => undefined;
  const promise = new Promise<T>((resolve) => { settle = () => resolve(value); });
  return { promise, settle };
}

test('a stack goes down once what was being made of it is cancelled and has settled', async () => {
  const oneOffs = new OneOffs();
  const told: string[] = [];
  const made = later('id');
  const making = oneOffs.make('shop', async (signal) => {
    await made.promise;
    told.push('settled');
    signal.throwIfAborted();
    return 'id';
  });
  const other = later('other');
  const untouched = oneOffs.make('else', () => other.promise);
  const down = oneOffs.without('shop', () => Promise.resolve(told.push('down')));
  await new Promise(setImmediate);
  expect(told).toEqual([]);
  made.settle();
  await expect(making).rejects.toMatchObject({ code: 'cancelled', message: 'cancelled: a later down of this stack took over' });
  await down;
  expect(told).toEqual(['settled', 'down']);
  other.settle();
  expect(await untouched).toBe('other');
});

test('what is asked for while a stack goes down is made after that, also where that fails, or two are at it', async () => {
  const oneOffs = new OneOffs();
  const told: string[] = [];
  const [first, second] = [later(null), later(null)];
  const downs = [first, second].map(({ promise }, index) => oneOffs.without('shop', async () => {
    await promise;
    told.push(`down ${index}`);
    if (index === 0) throw new Error('it failed');
  }));
  const making = oneOffs.make('shop', () => Promise.resolve(told.push('made')));
  first.settle();
  await expect(downs[0]).rejects.toThrow('it failed');
  expect(told).toEqual(['down 0']);
  second.settle();
  await making;
  expect(told).toEqual(['down 0', 'down 1', 'made']);
});
