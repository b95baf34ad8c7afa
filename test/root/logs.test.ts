import { connect } from 'node:net';
import type { Server } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createApi } from '../../src/api/api.ts';
import { EngineClient } from '../../src/client/engine-client.ts';
import { serve } from '../../src/api/serve.ts';
import { eventually, Machine } from './harness.ts';

const machine = new Machine();
let server: Server;
beforeAll(async () => {
  server = createApi(await machine.open());
  await serve(server, machine.paths.socket);
  await machine.loadHello();
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await machine.dispose();
});

const LINES = 1500;
const RUNS = 4;
/** Numbers lines through all its runs. */
const COUNTS = `sleep 0.3; n=$(cat /n 2>/dev/null || echo 0); awk -v n=$n 'BEGIN { for (i = n + 1; i <= n + ${LINES}; i++) printf "line %06d\\n", i }'; echo $((n + ${LINES})) > /n; exit 1`;

it('are followed through restarts and rotations, with no line lost or told twice', async () => {
  const lines: string[] = [];
  expect(await machine.up(`services: {a: {image: bayplan/hello, command: [sh, -c, ${JSON.stringify(COUNTS.replaceAll('$', '$$$$'))}], restart: "on-failure:${RUNS - 1}", logging: {options: {max-size: 16k, max-file: "30"}}}}`)).toMatchObject({ ok: true });
  for await (const line of new EngineClient(machine.root, null).stackLogs('demo', { services: [], follow: true, end: true, tail: 'all' })) lines.push(line.line);
  expect(machine.engine.container('demo-a-1').status).toMatchObject({ phase: 'exited', restarts: RUNS - 1 });
  expect([lines.length, lines[0], lines.at(-1)]).toEqual([LINES * RUNS, 'line 000001', `line ${String(LINES * RUNS).padStart(6, '0')}`]);
  expect(lines).toEqual([...lines].sort());
});

it.each(['', ', mode: non-blocking'])('a reader that takes nothing blocks no container (%s)', async (mode) => {
  expect(await machine.up(`services: {slow: {image: bayplan/hello, command: [sh, -c, "until test -e /go; do usleep 10000; done; dd if=/dev/zero bs=64k count=400 2>/dev/null; echo; echo end"], logging: {driver: json-file, options: {max-size: "10m"${mode}}}}}`)).toMatchObject({ ok: true });
  const client = connect(machine.paths.socket);
  client.write('GET /containers/demo-slow-1/logs?follow=1&stdout=1 HTTP/1.1\r\nHost: x\r\n\r\n');
  await new Promise((resolve) => client.once('readable', resolve));
  client.pause();
  try {
    await machine.exec('demo-slow-1', 'touch', '/go');
    await eventually(() => expect(machine.engine.container('demo-slow-1').status).toMatchObject({ phase: 'exited', exitCode: 0 }), 20_000);
    let end = '';
    for await (const { data } of machine.engine.containers.logs('demo-slow-1', { tail: 1, follow: false, signal: new AbortController().signal })) end += data.toString();
    expect(end).toBe('end\n');
  } finally {
    client.destroy();
  }
  await machine.down();
});
