import { afterAll, beforeAll, expect, it } from 'vitest';
import { Machine } from '../root/harness.ts';
import { gracefulServer, underLoad, type Web, webStack } from '../root/load.ts';

const PORT = 18_451;
const UPDATES = 10;
let machine: Machine;
let server: string;
beforeAll(async () => {
  machine = new Machine();
  await machine.open();
  await machine.loadHello();
  server = gracefulServer(machine.folder);
});
afterAll(() => machine.dispose());

it.each(['close', 'keep-alive'] as const)('ten updates of two containers in a row fail no request: %s', async (connection) => {
  const web: Web = connection === 'keep-alive' ? { grace: '1s' } : {};
  expect(await machine.up(webStack(PORT, server, web), { wait: true })).toMatchObject({ ok: true });
  const load = await underLoad(`http://127.0.0.1:${PORT}/`, connection, async () => {
    for (let update = 1; update <= UPDATES; update++) expect(await machine.up(webStack(PORT, server, { ...web, text: `${connection} ${update}` }))).toMatchObject({ ok: true });
  });
  console.log(`${connection}: ${load.requests} requests, ${load.failed} failed`);
  expect(load, load.text).toMatchObject({ failed: 0 });
  expect(load.requests).toBeGreaterThan(1000);
  expect([...machine.engine.containers.list()].map(([name, { identity }]) => [name, identity.generation >= UPDATES])).toEqual([['demo-web-1', true], ['demo-web-2', true]]);
});
