import { expect, test } from 'vitest';
import type { ContainerSummary } from '../../src/client/container-summary.ts';
import { psRecord, psTable } from '../../src/cli/ps-rows.ts';

const running = (command: string): ContainerSummary => ({
  Id: 'a'.repeat(64), Names: ['/shop-web-1'], Image: 'nginx', ImageID: '', Command: command, Created: 0, State: 'running', Status: 'Up 1 second', Ports: [], Labels: {}, NetworkSettings: { Networks: {} }, Mounts: [],
  Bayplan: { owner: 'stack', stack: 'shop', service: 'web', slot: 1, exitCode: 0, health: 'none' },
});

test('a command is in quotes as docker\'s, in one row whatever it holds', () => {
  const command = 'sh -c "a\\b"\n\t\u001b[31m\u0007\u007f\u009b\u202e é…😀';
  const quoted = '"sh -c \\"a\\\\b\\"\\n\\t\\x1b[31m\\a\\x7f\\u009b\\u202e é…😀"';
  expect(psTable([running(command)], 1000, false).split('\n')).toEqual([expect.stringMatching(/^NAME/), expect.stringContaining(` ${quoted} `), '']);
  expect(psRecord(running(command), 1000, false)).toMatchObject({ Command: quoted });
  expect(psRecord(running('sleep "1000 seconds and more"'), 1000, true)).toMatchObject({ Command: '"sleep \\"1000 seconds…"' });
});

test.each([
  [[[80, 'tcp']], '80/tcp'],
  [[[9003, 'tcp'], [9001, 'tcp'], [9002, 'tcp'], [53, 'udp'], [9005, 'tcp']], '9001-9003/tcp, 53/udp, 9005/tcp'],
  [[[80, 'tcp', '0.0.0.0', 8080], [81, 'tcp', '0.0.0.0', 81], [82, 'tcp', '0.0.0.0', 82], [82, 'tcp', '::', 82]], '0.0.0.0:81-82->81-82/tcp, [::]:82->82/tcp, 0.0.0.0:8080->80/tcp'],
] as const)('ports %j are shown as docker has them: %s', (ports, shown) => {
  const Ports = ports.map(([PrivatePort, Type, IP, PublicPort]: readonly [number, string, string?, number?]) => ({ PrivatePort, Type, ...(IP === undefined ? {} : { IP, PublicPort }) }));
  expect(psTable([{ ...running('a'), Ports: Ports as ContainerSummary['Ports'] }], 0, false).split('\n')[1]?.trimEnd().endsWith(` ${shown}`)).toBe(true);
});
