import { expect, test } from 'vitest';
import { diskUsage } from '../../src/engine/disk-usage.ts';
import { BayplanError } from '../../src/state/bayplan-error.ts';

function usage(error: Error): ReturnType<typeof diskUsage> {
  return diskUsage({ names: ['a', 'lost', 'z'], written: (name) => (name === 'lost' ? Promise.reject(error) : Promise.resolve(5)) }, new Map());
}

test('what cannot be found out of one container is left out, the others are told', async () => {
  expect((await usage(new BayplanError('image-not-found', 'image x is not in the store'))).containers).toEqual(new Map([['a', 5], ['z', 5]]));
});

test('a mistake of the program is none of that', async () => {
  await expect(usage(new TypeError('no'))).rejects.toThrow('no');
});
