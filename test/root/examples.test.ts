import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pathsOf } from '../../src/state/paths.ts';
import { bayplan, build, eventually, top } from './harness.ts';
import { leftovers } from './leftovers.ts';

/** The examples as they are, but for the host's ports, through the command line and an engine that starts by itself. */
const folder = mkdtempSync(join(tmpdir(), 'bayplan-test-'));
const root = join(folder, 'root');
const ours = (...args: string[]): ReturnType<typeof bayplan> => bayplan(['--root', root, ...args]);

beforeAll(async () => {
  cpSync(join(top, 'examples'), join(folder, 'examples'), { recursive: true });
  const archives = execFileSync(process.execPath, [join(top, 'test/images/make-images.mjs'), 'all', '--out', join(build, 'images')], { encoding: 'utf8' }).trim().split('\n');
  for (const archive of archives) expect(await ours('load', archive)).toMatchObject({ code: 0 });
}, 300_000);

afterAll(async () => {
  await ours('engine', 'stop');
  execFileSync(process.execPath, [join(top, 'test/root/forget-engine.mjs'), JSON.stringify(pathsOf(root))]);
  rmSync(folder, { recursive: true, force: true });
});

/** The example's file with its published port replaced by a free one. */
async function onFreePort(example: string, port: number): Promise<{ file: string; url: string }> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  const free = typeof address === 'object' && address !== null ? address.port : 0;
  await new Promise((resolve) => server.close(resolve));
  const file = join(folder, 'examples', example, 'compose.yaml');
  const text = readFileSync(file, 'utf8');
  expect(text).toContain(`"${port}:`);
  writeFileSync(file, text.replace(`"${port}:`, `"${free}:`));
  return { file, url: `http://127.0.0.1:${free}/` };
}

describe('examples/hello', () => {
  it('comes up, answers through its port with what another service says, and goes', async () => {
    const { file, url } = await onFreePort('hello', 8088);
    expect(await ours('plan', '-f', file)).toMatchObject({ code: 2, stdout: expect.stringContaining('create-container hello-hello-1') as string });
    expect(await ours('up', '-d', '--wait', '-f', file)).toMatchObject({ code: 0 });
    expect(await (await fetch(url)).text()).toContain('Hello from bayplan');
    expect(await ours('plan', '-f', file)).toMatchObject({ code: 0 });
    expect(await ours('down', '-f', file)).toMatchObject({ code: 0 });
    await eventually(() => expect(leftovers(pathsOf(root))).toEqual([]));
  });
});

describe('examples/shop', () => {
  it('comes up with one command, reads and writes both databases, keeps its data over down and up, and loses it with down -v', async () => {
    const { file, url } = await onFreePort('shop', 8090);
    const request = async (): Promise<Readonly<Record<string, unknown>>> => {
      const answer = await fetch(url);
      expect(answer.status).toBe(200);
      const body: unknown = await answer.json();
      if (typeof body !== 'object' || body === null) throw new Error('no object');
      return { ...body };
    };
    expect(await ours('up', '-d', '--wait', '-f', file)).toMatchObject({ code: 0 });
    const first = await request();
    const second = await request();
    const counters = Object.keys(first).filter((key) => typeof first[key] === 'number');
    expect(counters.length).toBeGreaterThanOrEqual(2); // one of each database
    for (const key of counters) expect(second[key], key).toBe(Number(first[key]) + 1);

    expect(await ours('down', '-f', file)).toMatchObject({ code: 0 });
    await eventually(() => expect(leftovers(pathsOf(root))).toEqual([]));
    expect(await ours('up', '-d', '--wait', '-f', file)).toMatchObject({ code: 0 });
    const third = await request();
    for (const key of counters) expect(third[key], key).toBe(Number(first[key]) + 2);

    expect(await ours('down', '-v', '-f', file)).toMatchObject({ code: 0 });
    expect(await ours('up', '-d', '--wait', '-f', file)).toMatchObject({ code: 0 });
    const fresh = await request();
    for (const key of counters) expect(fresh[key], key).toBe(first[key]);
    expect(await ours('down', '-v', '-f', file)).toMatchObject({ code: 0 });
    await eventually(() => expect(leftovers(pathsOf(root))).toEqual([]));
  }, 120_000);
});

describe('a program that resolves names by the C library', () => {
  it('looks through its search domains', async () => {
    const file = join(folder, 'search.yaml');
    writeFileSync(file, `name: search
services:
  client: { image: bayplan/app, command: [sleep, "1000"], stop_signal: SIGKILL, dns_search: [corp.test] }
  other: { image: bayplan/app, command: [sleep, "1000"], stop_signal: SIGKILL, networks: { default: { aliases: [api.corp.test], ipv4_address: 10.218.7.9 } } }
networks: { default: { internal: true, ipam: { config: [{ subnet: 10.218.7.0/24 }] } } }
`);
    expect(await ours('up', '-d', '-f', file)).toMatchObject({ code: 0 });
    const lookUp = (name: string): ReturnType<typeof ours> => ours('exec', '-T', '--file', file, 'client', 'python3', '-c', `import socket; print(socket.gethostbyname('${name}'))`);
    expect(await lookUp('api')).toMatchObject({ code: 0, stdout: '10.218.7.9\n' });
    expect(await lookUp('api.')).toMatchObject({ code: 1 }); // as it stands, with no domain after it
    expect(await ours('down', '-f', file)).toMatchObject({ code: 0 });
  });
});
