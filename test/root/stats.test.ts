import { afterAll, beforeAll, expect, it } from 'vitest';
import { bayplan, eventually, Machine } from './harness.ts';

// What containers have used, against what they are known to do.
const machine = new Machine();
const STACK = `
services:
  busy: {image: bayplan/hello, command: [sh, -c, "while :; do :; done"], stop_signal: SIGKILL, mem_limit: 64m, pids_limit: 20}
  idle: {image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL}
`;
beforeAll(async () => {
  await machine.open();
  await machine.loadHello();
  expect(await machine.up(STACK)).toMatchObject({ ok: true });
});
afterAll(() => machine.dispose());

it('counts cpu, memory, processes and what goes over the network', async () => {
  const at = (name: string): NonNullable<ReturnType<typeof machine.engine.containers.usage>> => machine.engine.containers.usage(name)!;
  await eventually(() => expect(at('demo-busy-1').cpu.total).toBeGreaterThan(2e8));
  expect(at('demo-idle-1').cpu.total).toBeLessThan(2e8);
  expect(at('demo-busy-1')).toMatchObject({ memory: { limit: 64 * 1024 * 1024 }, pids: { current: 1, limit: 20 } });
  expect(at('demo-busy-1').memory.usage).toBeGreaterThan(10_000);
  expect(at('demo-idle-1').machine).toBeGreaterThan(1e9);
  const sent = (): number => at('demo-idle-1').networks?.['eth0']?.txBytes ?? 0;
  const before = sent();
  await machine.exec('demo-idle-1', 'ping', '-c', '3', '-i', '0.1', '-s', '1000', 'busy');
  expect(sent() - before).toBeGreaterThan(3000);
  await machine.engine.containers.pause('demo-busy-1', true);
  const written = (): number => at('demo-idle-1').io.filter(({ op }) => op === 'write').reduce((sum, { bytes }) => sum + bytes, 0);
  await eventually(async () => { // again where the kernel's own flusher was faster: version 1 of cgroups counts that for nobody
    await machine.exec('demo-idle-1', 'dd', 'if=/dev/zero', 'of=/file', 'bs=1M', 'count=8', 'conv=fsync');
    expect(written()).toBeGreaterThanOrEqual(8 * 1024 * 1024);
  });
});

it('is shown by the command line', async () => {
  await machine.close();
  try {
    const rows = await bayplan(['--root', machine.root, '-p', 'demo', 'stats', '--no-stream', '--format', 'json']);
    expect(rows.stdout.trim().split('\n').map((line) => JSON.parse(line))).toMatchObject([{ Name: 'demo-busy-1', PIDs: '1', CPUPerc: '0.00%' }, { Name: 'demo-idle-1', PIDs: '1' }]);
  } finally {
    await bayplan(['--root', machine.root, 'engine', 'stop']);
    await machine.open();
  }
});
