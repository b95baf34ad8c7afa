import { expect, test } from 'vitest';
import { chainIds, layerFolder } from '../../../src/runtime/image/chain-id.ts';
import { sha256 } from './tar-bytes.ts';

test('the lowest is its diff ID, each other one the digest of "below own"', () => {
  const [a, b, c] = [sha256('a'), sha256('b'), sha256('c')];
  const second = sha256(`${a} ${b}`);
  expect(chainIds([a, b, c])).toEqual([a, second, sha256(`${second} ${c}`)]);
  expect(chainIds([])).toEqual([]);
});

test('a folder is named by 32 digits', () => {
  expect(layerFolder(`sha256:${'0123456789abcdef'.repeat(4)}`)).toBe('0123456789abcdef'.repeat(2));
});
