import { describe, expect, it } from 'vitest';
import { eventually, Machine } from './harness.ts';
import { adopts, countedOutput, goesAltogether, interrupted, runningContainers } from './interrupted.ts';

// Ports, a volume, a health check, one that runs to its end, and both conditions between them.
const shop = `
services:
  db:
    image: bayplan/hello
    command: ["sh", "-c", "touch /data/ready; i=0; while true; do echo $$i; i=$$((i+1)); usleep 5000; done"]
    stop_signal: SIGKILL
    healthcheck: { test: [CMD, test, -e, /data/ready], interval: 100ms }
    volumes: ["data:/data"]
  migrate: { image: bayplan/hello, command: [echo, migrated], depends_on: { db: { condition: service_healthy } } }
  web:
    image: bayplan/hello
    command: ["sh", "-c", "httpd -p 80 -h /etc; i=0; while true; do echo $$i; i=$$((i+1)); usleep 5000; done"]
    stop_signal: SIGKILL
    ports: ["80"]
    depends_on: { db: { condition: service_started }, migrate: { condition: service_completed_successfully } }
volumes: {data: }
`;
const ends = ['demo-migrate-1'];

/** The published port, the names and the output are as if nothing had happened. */
async function works(machine: Machine): Promise<void> {
  expect((await machine.up(shop)).done).toEqual([]);
  const port = machine.engine.container('demo-web-1').status?.ports[0]?.published;
  await eventually(async () => expect((await fetch(`http://127.0.0.1:${port}/hostname`)).status).toBe(200));
  expect((await machine.exec('demo-web-1', 'nslookup', '-type=a', 'db', '127.0.0.11')).code).toBe(0);
  for (const name of ['demo-db-1', 'demo-web-1']) {
    const lines = await countedOutput(machine, name);
    await eventually(async () => expect(await countedOutput(machine, name)).toBeGreaterThan(lines));
  }
}

describe.concurrent('an engine killed at each step boundary', () => {
  it('of `up` is followed by one that adopts and finishes', async () => {
    const machine = new Machine();
    try {
      await machine.open();
      await machine.loadHello();
      const request = machine.request(shop);
      for (let atEvent = 1, killed = true; killed; atEvent++) {
        await machine.close();
        const cut = await interrupted(machine, request, { atEvent });
        killed = cut.killed;
        await adopts(machine, cut, [], ends);
        expect(await machine.up(shop)).toMatchObject({ ok: true });
        for (const [name, { pid }] of cut.running) if (!ends.includes(name)) expect(machine.engine.container(name).status?.pid).toBe(pid);
        await works(machine);
        await goesAltogether(machine, ['demo_data']);
      }
    } finally {
      await machine.dispose();
    }
  });

  it('of `down` is followed by one that adopts and finishes', async () => {
    const machine = new Machine();
    try {
      await machine.open();
      await machine.loadHello();
      for (let atEvent = 1, killed = true; killed; atEvent++) {
        expect(await machine.up(shop)).toMatchObject({ ok: true });
        await machine.close();
        const before = runningContainers(machine.paths);
        const cut = await interrupted(machine, null, { atEvent });
        killed = cut.killed;
        await adopts(machine, cut, before.keys(), ends);
        for (const [name, process] of cut.running) expect(before.get(name)).toEqual(process);
        await goesAltogether(machine, ['demo_data']);
      }
    } finally {
      await machine.dispose();
    }
  });
});
