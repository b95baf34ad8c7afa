import { expect, test } from 'vitest';
import { legacyNotices } from '../../../src/runtime/network/legacy-tables.ts';

test('old packet filters that have a filter table are named', () => {
  const tables = new Map([['/proc/net/ip_tables_names', 'nat\nfilter\n'], ['/proc/net/ip6_tables_names', 'nat\n']]);
  expect(legacyNotices((path) => tables.get(path) ?? '')).toEqual([expect.stringContaining('iptables-legacy has a filter table')]);
  expect(legacyNotices(() => '')).toEqual([]);
});
