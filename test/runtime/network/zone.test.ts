import { expect, test } from 'vitest';
import { zoneText } from '../../../src/runtime/network/zone.ts';

test('names in lower case, every replica, no line twice', () => {
  expect(zoneText([{ name: 'Web', address: '172.17.0.2' }, { name: 'web', address: '172.17.0.3' }, { name: 'WEB', address: '172.17.0.2' }])).toBe('version 1\nweb 172.17.0.2\nweb 172.17.0.3\n');
  expect(zoneText([])).toBe('version 1\n');
});
