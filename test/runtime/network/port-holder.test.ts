import { expect, test } from 'vitest';
import { socketsOn } from '../../../src/runtime/network/port-holder.ts';

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 01 00000000:00000000 00:00000000 00000000     0        0 11 1
   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1
   2: 0200000A:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 13 1
   3: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 14 1
   4: 0100007F:1F90 00000000:0000 06 00000000:00000000 00:00000000 00000000     0        0 0 1
`;
const table6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 21 1
   1: 0000000000000000FFFF00000100007F:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 22 1
   2: 000080FE00000000FF005450FE01A8C0:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 23 1
`;

test('those that a bind collides with, listening ones first', () => {
  expect(socketsOn(table, '127.0.0.1', 8080)).toEqual(['12', '11']);
  expect(socketsOn(table, '0.0.0.0', 8080)).toEqual(['12', '13', '11']);
  expect(socketsOn(table, '10.0.0.9', 80)).toEqual(['14']);
  expect(socketsOn(table, '10.0.0.9', 81)).toEqual([]);
  expect(socketsOn(table6, '127.0.0.1', 8080)).toEqual(['21', '22']);
  expect(socketsOn('', '127.0.0.1', 8080)).toEqual([]);
});
