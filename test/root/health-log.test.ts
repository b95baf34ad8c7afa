import { mkdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { filesOf } from '../../src/runtime/container/bundle-files.ts';
import { eventually, Machine } from './harness.ts';

it('the last five looks of a health check are kept, with times, output and codes, and so is how many have failed in a row, by the next engine too', async () => {
  const machine = new Machine();
  try {
    await machine.open();
    await machine.loadHello();
    const before = Date.now();
    expect(await machine.up(`services:
  one: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, healthcheck: { test: [CMD-SHELL, "echo looked; test -e /well || exit 3"], interval: 50ms, retries: 2 } }
  slow: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, healthcheck: { test: [CMD-SHELL, "echo begins; sleep 100"], interval: 50ms, timeout: 100ms, retries: 1 } }
  early: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, healthcheck: { test: ["CMD", "false"], interval: 50ms, retries: 1, start_period: 1h } }
`)).toMatchObject({ ok: true });
    const status = (name: string) => machine.engine.container(`demo-${name}-1`).status;
    await eventually(() => expect(status('one')?.failingStreak).toBeGreaterThan(5));
    expect(status('one')?.health).toBe('unhealthy');
    const looks = status('one')?.healthLog ?? [];
    expect(looks.map(({ exitCode, output }) => ({ exitCode, output }))).toEqual(Array.from({ length: 5 }, () => ({ exitCode: 3, output: 'looked\n' })));
    for (const [n, { start, end }] of looks.entries()) {
      expect(start).toBeGreaterThanOrEqual(n === 0 ? before : looks[n - 1]?.end ?? 0);
      expect(end).toBeGreaterThanOrEqual(start);
    }
    await eventually(() => expect(status('early')?.healthLog).toHaveLength(5)); // failures of the start period count for nothing
    expect(status('early')).toMatchObject({ health: 'starting', failingStreak: 0 });
    const streak = status('one')?.failingStreak ?? 0;
    await machine.close();
    await machine.open();
    expect(status('one')).toMatchObject({ health: 'unhealthy', healthOutput: 'looked\n' }); // at once: another engine knows it too
    expect(status('one')?.failingStreak).toBeGreaterThanOrEqual(streak);
    expect(status('one')?.healthLog?.length).toBeGreaterThan(0);
    await machine.exec('demo-one-1', 'touch', '/well');
    await eventually(() => expect(status('one')).toMatchObject({ health: 'healthy', failingStreak: 0 }));
    await eventually(() => expect(status('slow')?.healthLog?.at(-1)).toMatchObject({ exitCode: -1, output: 'Health check exceeded timeout (100ms): begins\n' }));
  } finally {
    await machine.dispose();
  }
});

it('a run folder without room for what a check has come to is told, and the engine goes on', async () => {
  const machine = new Machine();
  try {
    await machine.open();
    await machine.loadHello();
    expect(await machine.up('services: { one: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, healthcheck: { test: [CMD, test, -e, /well], interval: 50ms, retries: 2 } } }')).toMatchObject({ ok: true });
    const status = () => machine.engine.container('demo-one-1').status;
    mkdirSync(`${filesOf(machine.paths, status()?.id ?? '').health}.tmp`);
    const streak = status()?.failingStreak ?? 0;
    await eventually(() => expect(status()?.failingStreak).toBeGreaterThan(streak + 2));
    expect(machine.reports).toContainEqual(expect.stringMatching(/^demo-one-1: .*health\.json: EISDIR.*the next engine will not know it$/));
    await machine.exec('demo-one-1', 'touch', '/well');
    await eventually(() => expect(status()?.health).toBe('healthy'));
  } finally {
    await machine.dispose();
  }
});
