import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { eventually, Machine } from '../root/harness.ts';
import { countedOutput, interrupted, startTimeOf } from '../root/interrupted.ts';

/** Engines that are killed, one after the other, while the containers below go their ways. */
const KILLS = 200;
const LONGEST_LIFE_MS = 500;
/** Containers that end by themselves, a few seconds apart, each with a code of its own. */
const ENDERS = 24;
/** Those that are killed for want of memory. */
const HUNGRY = [4, 11, 17];

const ender = (n: number): string => (HUNGRY.includes(n)
  ? `  e${n}: { image: bayplan/hello, mem_limit: 16m, command: [sh, -c, "sleep ${2 + n * 4}; echo last; tail /dev/zero"] }\n`
  : `  e${n}: { image: bayplan/hello, command: [sh, -c, "sleep ${2 + n * 4}; echo last; exit ${n + 1}"] }\n`);

const STACK = `
services:
  count:
    image: bayplan/hello
    command: ["sh", "-c", "i=0; while true; do echo $$i; i=$$((i+1)); usleep 2000; done"]
    stop_signal: SIGKILL
    ports: ["80"]
  well:
    image: bayplan/hello
    command: [sleep, "1000"]
    stop_signal: SIGKILL
    healthcheck: { test: [CMD, "true"], interval: 100ms }
  ill:
    image: bayplan/hello
    command: [sleep, "1000"]
    stop_signal: SIGKILL
    healthcheck: { test: [CMD-SHELL, "echo no; exit 5"], interval: 100ms, retries: 2 }
  flaps: { image: bayplan/hello, command: [sh, -c, "echo begins; sleep 0.3; exit 7"], restart: always }
  victim: { image: bayplan/hello, command: [sh, -c, "echo begins; sleep 1000"], stop_signal: SIGKILL, restart: always }
${Array.from({ length: ENDERS }, (_, n) => ender(n)).join('')}`;

it(`${KILLS} engines killed under load lose nothing of what happens meanwhile`, async () => {
  const machine = new Machine();
  try {
    await machine.open();
    await machine.loadHello();
    expect(await machine.up(STACK)).toMatchObject({ ok: true });
    const begun = Date.now();
    const status = (name: string) => machine.engine.container(`demo-${name}-1`).status;
    const before = ['count', 'well', 'ill'].map((name) => status(name)?.pid);
    const bundle = join(machine.paths.bundles, status('victim')?.id.slice(0, 16) ?? '?');
    let victims = 0;
    await machine.close();

    for (let kills = 0; kills < KILLS; kills++) {
      if (kills % 10 === 5) victims += killShim(bundle);
      const { killed } = await interrupted(machine, 'idle', { afterMs: Math.random() * LONGEST_LIFE_MS });
      expect(killed).toBe(true);
    }
    const waited = (2 + ENDERS * 4) * 1000 - (Date.now() - begun);
    if (waited > 0) await new Promise((resolve) => setTimeout(resolve, waited));

    await machine.open();
    expect(['count', 'well', 'ill'].map((name) => status(name)?.pid)).toEqual(before);
    await eventually(() => expect([status('well')?.health, status('ill')?.health]).toEqual(['healthy', 'unhealthy']));
    const lines = await countedOutput(machine, 'demo-count-1');
    await eventually(async () => expect(await countedOutput(machine, 'demo-count-1')).toBeGreaterThan(lines));
    for (let n = 0; n < ENDERS; n++) {
      const hungry = HUNGRY.includes(n);
      const { phase, exitCode, oomKilled, startedAt = 0, finishedAt = 0 } = status(`e${n}`) ?? {};
      expect({ n, phase, exitCode, oomKilled }).toEqual({ n, phase: 'exited', exitCode: hungry ? 137 : n + 1, oomKilled: hungry });
      expect(await machine.output(`demo-e${n}-1`)).toBe('last\n');
      // Between its last word and its end there is next to nothing, but where it eats.
      const last = await lastRecordMs(machine, `demo-e${n}-1`);
      expect(finishedAt - last).toBeGreaterThanOrEqual(-1);
      expect(finishedAt - last).toBeLessThan(hungry ? 10_000 : 2000);
      expect(last - startedAt).toBeGreaterThanOrEqual((2 + n * 4) * 1000 - 50);
    }
    // Each end of these was noticed, by whichever engine there was, and answered with a start.
    expect(victims).toBeGreaterThan(3);
    await eventually(() => expect(status('victim')).toMatchObject({ phase: 'running', restartAt: expect.any(Number) }), 90_000);
    expect((await machine.output('demo-victim-1')).split('\n').length - 1).toBeGreaterThan(victims);
    await eventually(() => { // a start that was cut off with its engine is another one's to make again
      const { phase, exitCode } = status('flaps') ?? {};
      expect(phase === 'running' ? 7 : exitCode).toBe(7);
    }, 90_000);
    expect((await machine.output('demo-flaps-1')).split('\n').length - 1).toBeGreaterThan(3);
    expect(machine.reports).toEqual([]);
  } finally {
    await machine.dispose();
  }
});

/** Kills the shim of a bundle, where it lives: answers how many that were. */
function killShim(bundle: string): number {
  if (!existsSync(join(bundle, 'pid'))) return 0; // it waits for its next start
  const { shimPid, shimStartTime }: { shimPid: number; shimStartTime: number } = JSON.parse(readFileSync(join(bundle, 'pid'), 'utf8'));
  if (startTimeOf(shimPid) !== shimStartTime) return 0;
  process.kill(shimPid, 'SIGKILL');
  return 1;
}

async function lastRecordMs(machine: Machine, name: string): Promise<number> {
  let last = 0n;
  for await (const { time } of machine.engine.containers.logs(name, { tail: 1, follow: false, signal: new AbortController().signal })) last = time;
  return Number(last / 1_000_000n);
}
