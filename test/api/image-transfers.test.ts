import { mkdtempSync, rmSync } from 'node:fs';
import { request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createApi } from '../../src/api/api.ts';
import { serve } from '../../src/api/serve.ts';
import { FakeEngine, IMAGE } from './fake-engine.ts';

let engine: FakeEngine;
let server: Server;
let folder: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bayplan-api-'));
  engine = new FakeEngine();
  server = createApi(engine);
  await serve(server, join(folder, 's'));
});
afterEach(() => {
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true });
});

async function post(path: string, body = '', headers: Readonly<Record<string, string>> = {}): Promise<{ status: number; type: string | undefined; lines: unknown[] }> {
  return await new Promise((resolve, reject) => {
    const sent = request({ socketPath: join(folder, 's'), method: 'POST', path, agent: false, headers }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => { text += chunk.toString(); }).on('end', () => resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'], lines: text.trim().split(/\r?\n/).map((line) => JSON.parse(line) as unknown) }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const ann = { username: 'ann', password: 'right', identitytoken: '' };

test('a pull answers in Docker\'s progress lines', async () => {
  expect(await post('/v1.47/images/create?fromImage=nginx&tag=1')).toEqual({ status: 200, type: 'application/json', lines: [
    { status: 'Pulling from library/nginx', id: '1' },
    { status: 'Downloading', progressDetail: { current: 1, total: 2 }, id: 'bbbbbbbbbbbb' },
    { status: `Digest: ${IMAGE.digest}` },
    { status: 'Status: Downloaded newer image for nginx:1' },
  ] });
});

test('without a tag, all that the registry has are pulled, one after the other', async () => {
  const { lines } = await post('/images/create?fromImage=nginx');
  expect(engine.calls).toEqual(['tags nginx {}', 'pull nginx:1 {}', 'pull nginx:2 {}']);
  expect([lines[0], lines[3], lines.at(-1)]).toEqual([{ status: 'Pulling from library/nginx', id: '1' }, { status: 'Pulling from library/nginx', id: '2' }, { status: 'Status: Downloaded newer image for nginx' }]);
  expect(await post('/images/create?fromImage=none')).toMatchObject({ status: 404, lines: [{ message: 'image none: its registry has no tag of it' }] });
});

test('what fails before anything was told has a status, what fails later is in the stream', async () => {
  expect(await post('/images/create?fromImage=missing&tag=latest')).toMatchObject({ status: 404, lines: [{ message: 'image missing:latest: registry docker.io has no such image (404)' }] });
  const { status, lines } = await post('/images/create?fromImage=cut&tag=latest');
  expect([status, lines.at(-1)]).toEqual([200, { errorDetail: { message: 'registry docker.io cut the connection off' }, error: 'registry docker.io cut the connection off' }]);
  expect(await post('/images/create?fromSrc=http%3A%2F%2Fa%2Fb.tar')).toMatchObject({ status: 501 });
  expect(await post('/images/create?fromImage=Not%20One')).toMatchObject({ status: 400 });
  expect(await post('/images/create?fromImage=a&tag=latest&platform=linux/s390x')).toMatchObject({ status: 501 });
});

test('credentials: of the image\'s registry by X-Registry-Auth, of several by X-Registry-Config; nonsense is refused', async () => {
  await post('/images/create?fromImage=reg.example/a&tag=latest', '', { 'X-Registry-Auth': encoded({ ...ann, serveraddress: 'https://elsewhere.example' }) });
  await post('/images/create?fromImage=a&tag=latest', '', { 'X-Registry-Config': encoded({ 'https://index.docker.io/v1/': ann }) });
  await post('/images/create?fromImage=a&tag=latest', '', { 'X-Registry-Auth': encoded({}) });
  expect(engine.calls).toEqual([
    `pull reg.example/a:latest ${JSON.stringify({ 'reg.example': { ...ann, serveraddress: 'https://elsewhere.example' } })}`, `pull a:latest ${JSON.stringify({ 'docker.io': ann })}`, 'pull a:latest {}',
  ]);
  expect(await post('/images/create?fromImage=a&tag=latest', '', { 'X-Registry-Auth': 'e30x' })).toMatchObject({ status: 400, lines: [{ message: 'X-Registry-Auth is not JSON in base64' }] });
  expect(await post('/images/create?fromImage=a&tag=latest', '', { 'X-Registry-Config': encoded({ a: { password: 7 } }) })).toMatchObject({ status: 400, lines: [{ message: 'X-Registry-Config is wrong at a.password' }] });
});

test('a push says the digest at its end', async () => {
  expect(await post('/images/reg.example/team/a/push?tag=2', '', { 'X-Registry-Auth': encoded(ann) })).toMatchObject({ status: 200, lines: [
    { status: 'The push refers to repository [reg.example/team/a]' },
    { status: `2: digest: ${IMAGE.digest} size: 7` },
    { aux: { Tag: '2', Digest: IMAGE.digest, Size: 7 } },
  ] });
});

test('credentials are checked', async () => {
  expect(await post('/auth', JSON.stringify({ username: 'ann', password: 'right', serveraddress: 'https://index.docker.io/v1/' }))).toMatchObject({ status: 200, lines: [{ Status: 'Login Succeeded' }] });
  expect(await post('/auth', JSON.stringify({ username: 'ann', password: 'wrong', serveraddress: 'reg.example' }))).toMatchObject({ status: 401, lines: [{ message: 'registry reg.example does not take these credentials' }] });
  expect(engine.calls).toEqual(['verify docker.io ann', 'verify reg.example ann']);
});
