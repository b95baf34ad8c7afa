import { expect, it } from 'vitest';
import { Machine } from '../root/harness.ts';
import { answers, COUNTING, ENDS, goesOn, stackToInterrupt } from '../root/interrupted-stack.ts';
import { adopts, countedOutput, goesAltogether, interrupted, runningContainers, type Interrupted } from '../root/interrupted.ts';

/** Kills on each of the two machines that are worked on at the same time. */
const KILLS = 50;

/** `colour` is what a changed file changes: it makes `web` anew and leaves the others alone. */
const shop = (colour: string): string => stackToInterrupt(2000, {
  web: `    environment: { COLOUR: ${colour} }\n    networks: [default, back]\n`,
  services: '  worker: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, networks: [back], deploy: { replicas: 2 } }\n',
  end: 'networks: {back: }\n',
});

type Command = 'up' | 'change' | 'down';

/** One kill: the command is cut off at a random instant, the next engine adopts, and either the same command or another one is carried out to its end. */
async function once(machine: Machine, command: Command, afterMs: number, next: Command): Promise<Interrupted> {
  if (command !== 'up') expect(await machine.up(shop('red'))).toMatchObject({ ok: true });
  await machine.close();
  const before = runningContainers(machine.paths);
  const cut = await interrupted(machine, command === 'down' ? null : machine.request(shop(command === 'change' ? 'blue' : 'red')), { afterMs });
  await adopts(machine, cut, before.keys(), ENDS);
  const adopted = runningContainers(machine.paths);
  for (const name of adopted.keys()) {
    if (COUNTING.includes(name)) await countedOutput(machine, name).catch((error: unknown) => { if (machine.engine.containers.get(name)?.status?.pid === adopted.get(name)?.pid) throw error; }); // what goes on by itself takes it away
  }
  if (next !== 'down') {
    const file = shop(next === 'change' ? 'blue' : 'red');
    expect(await machine.up(file)).toMatchObject({ ok: true });
    expect((await machine.up(file)).done).toEqual([]);
    expect(machine.engine.containers.list().size).toBe(5);
    if (command !== 'down') {
      for (const name of ['demo-db-1', 'demo-worker-1', 'demo-worker-2']) {
        const process = adopted.get(name);
        if (process !== undefined) expect(machine.engine.container(name).status).toMatchObject({ phase: 'running', pid: process.pid });
      }
    }
    await answers(machine, ['db', 'worker', 'demo-web-1']);
    for (const name of COUNTING) {
      // What had been stopped, and was not yet removed, runs a second time.
      const runs = before.has(name) && before.get(name)?.pid !== machine.engine.container(name).status?.pid ? 2 : 1;
      await goesOn(machine, name, runs);
    }
  }
  await goesAltogether(machine, [...machine.engine.volumes.list().keys()], next === 'down' ? ['demo_data'] : []);
  return cut;
}

it(`an engine killed at ${2 * KILLS} random instants loses nothing`, async () => {
  const met = new Map<string, number>();
  /** How long each command's engine lives when nobody kills it, as it was last seen. */
  const longest = { up: 700, change: 700, down: 700 };
  const failures: string[] = [];
  const lane = async (): Promise<void> => {
    const machine = new Machine();
    try {
      await machine.open();
      await machine.loadHello();
      for (let kills = 0; kills < KILLS;) {
        const command = pick<Command>(['up', 'change', 'down']);
        const next = Math.random() < 0.5 ? command : pick<Command>(['up', 'change', 'down']);
        const afterMs = Math.random() * longest[command];
        try {
          const { killed, ms, events } = await once(machine, command, afterMs, next);
          if (!killed) longest[command] = ms;
          if (!killed) continue;
          kills++;
          const at = events.at(-1)?.type ?? 'opening';
          met.set(`${command}: ${at}`, (met.get(`${command}: ${at}`) ?? 0) + 1);
        } catch (error) {
          kills++;
          failures.push(`${command} cut off after ${afterMs.toFixed(1)} ms, then ${next}: ${error instanceof Error ? error.message : String(error)}${error instanceof Error && 'actual' in error ? ` ${JSON.stringify(error.actual)}` : ''}`);
          await machine.close();
          await machine.open();
          await machine.down({ volumes: true, stopTimeoutSeconds: 0 });
          machine.reports.length = 0;
        }
      }
    } finally {
      await machine.dispose();
    }
  };
  await Promise.all([lane(), lane()]);
  console.log(`kills by the last event before them: ${JSON.stringify(Object.fromEntries([...met].sort()))}`);
  expect(failures).toEqual([]);
});

function pick<T>(from: readonly [T, ...T[]]): T {
  return from[Math.floor(Math.random() * from.length)] ?? from[0];
}
