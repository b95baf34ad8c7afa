import { execFileSync } from 'node:child_process';
import { request, type Server } from 'node:http';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createApi } from '../../src/api/api.ts';
import { serve } from '../../src/api/serve.ts';
import { Machine } from './harness.ts';

let machine: Machine;
let server: Server;
beforeEach(async () => {
  machine = new Machine();
  await machine.open();
  await machine.loadHello();
  server = createApi(machine.engine, (line) => machine.reports.push(line));
  await serve(server, machine.paths.socket);
});
afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await machine.dispose();
});

const PASSWORD = 'Xq7-not-for-anybody';
const stack = (password: string): string => `services:
  app: { image: bayplan/hello, command: sleep 1000, stop_signal: SIGKILL, network_mode: none, volumes: ["share:/data"] }
volumes: { share: { driver_opts: { type: cifs, device: "//198.51.100.9/share", o: "username=me,password=${password}" } } }
`;
const get = (path: string, body?: unknown): Promise<string> => new Promise((resolve, reject) => {
  const sent = request({ socketPath: machine.paths.socket, path, method: body === undefined ? 'GET' : 'POST', agent: false, headers: { 'Content-Type': 'application/json' } }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => { text += chunk; }).once('end', () => resolve(text));
  });
  sent.once('error', reject).end(body === undefined ? '' : JSON.stringify(body));
});

it("a password in a volume's options is in no plan, event, message or answer", async () => {
  expect(await get('/stacks/demo/plan', machine.request(stack(PASSWORD)))).toContain('create-volume demo_share');
  expect(await get('/stacks/demo/plan', machine.request(stack(PASSWORD)))).toContain('password=…');
  const up = await machine.up(stack(PASSWORD)); // the server does not answer, or the kernel has no CIFS
  expect(up).toMatchObject({ ok: false, message: expect.stringContaining('password=…') });
  expect(await get('/volumes/demo_share')).toContain('username=me,password=…');
  const changed = await machine.engine.planStack('demo', machine.request(stack('another')));
  expect(changed.plan.notes.join('\n')).toContain('volume demo_share keeps what it was made with (driverOpts.o: a secret in it changed)');
  for (const text of [up.message, await get('/stacks/demo'), await get('/stacks'), await get('/volumes'), await get('/volumes/demo_share'), await get('/stacks/demo/plan', machine.request(stack(PASSWORD))), JSON.stringify(changed.plan.notes), JSON.stringify(machine.engine.events.past()), ...machine.reports]) {
    expect(text).not.toContain(PASSWORD);
  }
  expect(JSON.stringify(machine.engine.volumes.list().get('demo_share')?.spec)).toContain(PASSWORD);
});

it('which the mount is given all the same', async () => {
  const tmpfs = stack(PASSWORD).replace('type: cifs', 'type: tmpfs').replace('//198.51.100.9/share', 'none').replace(/o: "[^"]*"/, 'o: "size=1m,mode=0711"');
  expect(await machine.up(tmpfs)).toMatchObject({ ok: true });
  expect(execFileSync('stat', ['-f', '-c', '%T %b', machine.engine.volumes.mountpoint('demo_share')], { encoding: 'utf8' })).toBe('tmpfs 256\n');
});
