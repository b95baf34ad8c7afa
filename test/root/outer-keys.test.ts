import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bayplan, Machine } from './harness.ts';

// Keys by which a service gets what is outside of its stack: volumes of other containers, the engine's socket, labels from files.
const machine = new Machine();
const file = join(machine.folder, 'compose.yaml');
const config = join(machine.folder, 'docker');
const LOGIN = Buffer.from('me:secret').toString('base64');
const own = (...args: readonly string[]): ReturnType<typeof bayplan> => bayplan(['--root', machine.root, '--file', file, ...args], { cwd: machine.folder, env: { ...process.env, DOCKER_CONFIG: config } });
async function out(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await own(...args);
  expect([args, code, stderr]).toEqual([args, 0, '']);
  return stdout;
}
const SLEEP = 'image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, network_mode: none';

beforeAll(async () => {
  await machine.open();
  await machine.loadHello();
  await machine.close();
  mkdirSync(config);
  writeFileSync(join(config, 'config.json'), JSON.stringify({ auths: { 'r.example': { auth: LOGIN } } }));
});
afterAll(async () => {
  await own('down', '-v');
  await bayplan(['--root', machine.root, '--file', file, '-p', 'lender', 'down', '-v']);
  await bayplan(['--root', machine.root, 'engine', 'stop']);
  await machine.dispose();
});

it('volumes_from shares named and anonymous volumes, of services and of containers that are none of the stack\'s', async () => {
  writeFileSync(file, `name: lender\nservices:\n  it: { ${SLEEP}, volumes: ["kept:/kept", /scratch] }\nvolumes: { kept: }\n`);
  await out('up', '-d');
  await out('exec', 'it', 'sh', '-c', 'echo kept > /kept/a; echo scratch > /scratch/b');
  writeFileSync(file, `name: demo\nservices:\n  far: { ${SLEEP}, volumes_from: ["container:lender-it-1:ro"] }\n  a: { ${SLEEP}, volumes: [/own] }\n  near: { ${SLEEP}, volumes_from: [a] }\n`);
  await out('up', '-d');
  expect(await out('exec', 'far', 'cat', '/kept/a', '/scratch/b')).toBe('kept\nscratch\n');
  expect((await own('exec', 'far', 'touch', '/scratch/c')).stderr).toContain('Read-only file system');
  await out('exec', 'a', 'touch', '/own/seen');
  expect(await out('exec', 'near', 'ls', '/own')).toBe('seen\n');
  expect(await out('plan')).toBe('nothing to do\n');
  // A new generation of the lender has the same volumes, and keeps them while others use them.
  await out('up', '-d', '--force-recreate', 'a');
  expect(await out('exec', 'near', 'ls', '/own')).toBe('seen\n');
  expect(await own('volume', 'rm', 'lender_kept')).toMatchObject({ code: 1, stderr: expect.stringMatching(/demo-far-1/) });
  writeFileSync(file, `name: demo\nservices:\n  far: { ${SLEEP}, volumes_from: ["container:nobody"] }\n`);
  expect(await own('up', '-d')).toMatchObject({ code: 1, stdout: expect.stringContaining('create-container demo-far-1: container nobody, whose volumes it shares, is not there; bring it up first') });
  expect(await out('exec', 'far', 'cat', '/kept/a')).toBe('kept\n');
});

it('use_api_socket gives the engine\'s socket and the user\'s credentials, and a change of those is seen', async () => {
  writeFileSync(file, `name: demo\nservices:\n  tool: { ${SLEEP}, use_api_socket: true }\n`);
  await out('up', '-d', '--remove-orphans');
  expect(JSON.parse(await out('exec', 'tool', 'sh', '-c', 'cat $DOCKER_CONFIG/config.json'))).toEqual({ auths: { 'r.example': { auth: LOGIN } } });
  expect(await out('exec', 'tool', 'sh', '-c', 'test -S /var/run/docker.sock && echo socket')).toBe('socket\n');
  expect(await ping(`/proc/${await pidOf()}/root/var/run/docker.sock`)).toBe('OK');
  expect(await out('plan')).toBe('nothing to do\n');
  // The socket of the next engine is another file.
  expect(await bayplan(['--root', machine.root, 'engine', 'stop'])).toMatchObject({ code: 0 });
  const note = `note: container demo-tool-1 has at /var/run/docker.sock what was ${machine.paths.socket} before that was replaced on the host`;
  expect(await out('plan')).toContain(note);
  expect((await own('ps')).stderr + (await own('ps')).stdout).toContain(note);
  writeFileSync(join(config, 'config.json'), '{}');
  expect(await own('plan')).toMatchObject({ code: 2, stdout: expect.stringContaining('config demo_#apisocket changed') });
});

it('a changed label file shows in the plan', async () => {
  writeFileSync(join(machine.folder, 'labels'), 'a=1\n');
  writeFileSync(file, `name: demo\nservices:\n  web: { ${SLEEP}, label_file: labels }\n`);
  await out('up', '-d', '--remove-orphans');
  const before = await out('config', '--hash', 'web');
  writeFileSync(join(machine.folder, 'labels'), 'a=2\n');
  expect(await own('plan')).toMatchObject({ code: 2, stdout: 'update-container demo-web-1  (in place: labels.a: "1" → "2")\n' });
  expect(await out('config', '--hash', 'web')).not.toBe(before);
});

async function pidOf(): Promise<string> {
  return (await out('top', 'tool')).split('\n')[1]?.split(/ +/)[3] ?? '';
}

/** What the engine answers to a ping at this socket. */
async function ping(socketPath: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    request({ socketPath, path: '/_ping' }, (response) => {
      response.setEncoding('utf8');
      let text = '';
      response.on('data', (chunk: string) => { text += chunk; });
      response.on('end', () => { resolve(text); });
    }).on('error', reject).end();
  });
}
