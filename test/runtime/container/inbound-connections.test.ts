import { expect, test } from 'vitest';
import { packetsUnderWay, servedIn, waitingIn } from '../../../src/runtime/container/inbound-connections.ts';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const row = (local: string, remote: string, state: string): string => `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 1 1 0000000000000000 100 0 0 10 0`;

test('connections from elsewhere to a port that is listened on count while somebody may still be served', () => {
  const tcp = [HEAD, row('00000000:0050', '00000000:0000', '0A'), row('0200A8C0:0050', '0100A8C0:C350', '01'), row('0200A8C0:0050', '0100A8C0:C351', '03'), row('0200A8C0:0050', '0100A8C0:C352', '08')];
  expect(servedIn([tcp.join('\n'), HEAD])).toBe(3);
});

test('those that wait for nothing, that it has opened itself, and from its own health check do not', () => {
  const tcp = [HEAD, row('00000000:0050', '00000000:0000', '0A'), row('0200A8C0:0050', '0100A8C0:C350', '06'), row('0200A8C0:C400', '0300A8C0:1538', '01'), row('0100007F:0050', '0100007F:C351', '01')];
  const mapped = '0000000000000000FFFF00000100007F';
  const tcp6 = [HEAD, row('00000000000000000000000000000000:0050', '00000000000000000000000000000000:0000', '0A'), row(`${mapped}:0050`, `${mapped}:C350`, '01'), row('00000000000000000000000001000000:0050', '00000000000000000000000001000000:C350', '01')];
  expect(servedIn([tcp.join('\n'), tcp6.join('\n')])).toBe(0);
  expect(servedIn(['', ''])).toBe(0);
});

test('packets that wait are those of all processors', () => {
  const line = (waiting: string): string => `052d5afc 00000000 00000005 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 ${waiting} 00000000 00000000 00000000\n`;
  expect(waitingIn(`${line('00000000')}${line('0000001f')}${line('00000001')}`)).toBe(32);
  expect(waitingIn('052d5afc 00000000\n')).toBe(0); // a kernel that does not say
  expect(packetsUnderWay()).toBeGreaterThanOrEqual(0);
});
