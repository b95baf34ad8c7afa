import { expect, test } from 'vitest';
import { replicaName } from '../../src/state/replica-name.ts';

test('a replica is called as docker compose calls it; a name in the stack file is the first one\'s', () => {
  expect([replicaName('shop', 'web', '', 1), replicaName('shop', 'web', '', 12), replicaName('shop', 'web', 'front', 1), replicaName('shop', 'web', 'front', 2)]).toEqual(['shop-web-1', 'shop-web-12', 'front', 'shop-web-2']);
});
