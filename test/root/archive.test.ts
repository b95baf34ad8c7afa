import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ArchiveRequest } from '../../src/runtime/container/archive.ts';
import { bayplan, eventually, Machine } from './harness.ts';

// Files in and out of containers, running and not, and never out of their roots.
const machine = new Machine();
const secret = join(machine.folder, 'secret');
const STACK = `
services:
  web: {image: bayplan/hello, command: [sh, -c, "mkdir -p /srv/sub; echo one > /srv/file; ln /srv/file /srv/hard; ln -s file /srv/link; ln -s / /srv/root; touch /gone /up; rm /bin/busybox.static /gone; exec sleep 1000"], stop_signal: SIGKILL, volumes: ["data:/data"]}
  fixed: {image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, read_only: true, volumes: ["data:/data"]}
volumes: {data: }
`;
const NAME = 'demo-web-1';

async function run(name: string, request: ArchiveRequest, input?: Buffer): Promise<{ readonly bytes: Buffer; readonly stat: unknown }> {
  const chunks: Buffer[] = [];
  const sink = new Writable({ write: (chunk: Buffer, _encoding, done) => { chunks.push(chunk); done(); } });
  const stat = await machine.engine.containers.archive(name, request, { signal: new AbortController().signal, output: () => sink, ...(input === undefined ? {} : { input: Readable.from([input]) }) });
  return { bytes: Buffer.concat(chunks), stat };
}
const listed = (bytes: Buffer): readonly string[] => execFileSync('tar', ['tf', '-'], { input: bytes, encoding: 'utf8' }).trim().split('\n');
const get = async (path: string, name = 'x'): Promise<Buffer> => (await run(NAME, { verb: 'get', path, name })).bytes;
const put = async (path: string, archive: Buffer, more: { name?: string; keepKinds?: boolean; owner?: string } = {}): Promise<void> => {
  await run(more.name ?? NAME, { verb: 'put', path, keepKinds: more.keepKinds ?? true, owner: more.owner ?? '' }, archive);
};
const inside = async (...command: string[]): Promise<string> => (await machine.exec(NAME, ...command)).output;

/** A tar archive of what `script` makes in an empty folder. */
function tarOf(script: string, ...options: readonly string[]): Buffer {
  const folder = join(machine.folder, 'made');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  execFileSync('sh', ['-c', script], { cwd: folder });
  return execFileSync('tar', ['cf', '-', '--owner=7', '--group=8', ...options, '.'], { cwd: folder });
}

beforeAll(async () => {
  writeFileSync(secret, 'of the host');
  await machine.open();
  await machine.loadHello();
  expect(await machine.up(STACK)).toMatchObject({ ok: true });
  await eventually(async () => expect(await inside('ls', '/up')).toBe('/up\n'));
});
afterAll(() => machine.dispose());

describe.each(['running', 'paused', 'stopped'])('of a container that is %s', (how) => {
  beforeAll(async () => {
    if (how === 'paused') await machine.engine.pauseContainer(NAME, true);
    if (how === 'stopped') await machine.engine.stopContainer(NAME, null, 0);
  });
  afterAll(async () => {
    if (how === 'paused') await machine.engine.pauseContainer(NAME, false);
    if (how === 'stopped') await machine.engine.startContainer(NAME);
  });

  it('what is at a path, links not followed', async () => {
    expect((await run(NAME, { verb: 'stat', path: '/srv/file' })).stat).toMatchObject({ size: 4, mode: 0o100644, target: '' });
    expect((await run(NAME, { verb: 'stat', path: '/srv/link' })).stat).toMatchObject({ target: '/srv/file' });
    expect((await run(NAME, { verb: 'stat', path: '/srv/root' })).stat).toMatchObject({ target: '/' });
    await expect(run(NAME, { verb: 'stat', path: '/nosuch' })).rejects.toMatchObject({ code: 'not-found' });
  });

  it('a folder with its links, under another name', async () => {
    const bytes = await get('/srv', 'other');
    expect(listed(bytes)).toEqual(expect.arrayContaining(['other/', 'other/file', 'other/hard', 'other/link', 'other/root', 'other/sub/']));
    expect(execFileSync('tar', ['xOf', '-', 'other/file'], { input: bytes, encoding: 'utf8' })).toBe('one\n');
    expect(execFileSync('tar', ['tvf', '-', 'other/hard', 'other/root'], { input: bytes, encoding: 'utf8' })).toMatch(/other\/hard link to other\/file\n.*other\/root -> \//);
  });

  it('into a folder and a volume, with owners or a user\'s, and back', async () => {
    await put('/data', tarOf(`mkdir d; echo ${how} > d/new`));
    expect(execFileSync('tar', ['xOf', '-', 'x/d/new'], { input: await get('/data'), encoding: 'utf8' })).toBe(`${how}\n`);
    expect(readFileSync(join(machine.root, 'volumes/demo_data/_data/d/new'), 'utf8')).toBe(`${how}\n`);
    expect(execFileSync('tar', ['tvnf', '-', 'x/d/new'], { input: await get('/data'), encoding: 'utf8' })).toContain(' 7/8 ');
    await put('/data', tarOf('mkdir d; echo mine > d/new'), { owner: '5:6' });
    expect(execFileSync('tar', ['tvnf', '-', 'x/d/new'], { input: await get('/data'), encoding: 'utf8' })).toContain(' 5/6 ');
  });

  it('nothing is written or read out of the root, whatever links there are', async () => {
    // A link of the container's to the host's folder leads to the container's own folder of that name, or nowhere.
    await put('/srv', tarOf(`ln -s ${machine.folder} out; ln -s ../../../../..${machine.folder} up`));
    for (const link of ['out', 'up']) {
      await expect(get(`/srv/${link}/secret`)).rejects.toMatchObject({ code: 'not-found' });
      await expect(put(`/srv/${link}`, tarOf('echo bad > secret'))).rejects.toMatchObject({ code: 'not-found' });
    }
    // An archive that makes a link and then writes through it.
    const through = Buffer.concat([tarOf('ln -s / way').subarray(0, 1024), execFileSync('tar', ['cf', '-', '--transform', `s,^,way${machine.folder}/,`, '-C', machine.folder, 'secret'])]);
    await put('/srv', through).catch(() => undefined); // refused, or written below the container's own root
    for (const script of ['../../../../../../tmp/escape', '/tmp/../../escape']) {
      await expect(put('/srv', execFileSync('tar', ['cPf', '-', '--transform', `s,^.*$,${script},`, secret]))).rejects.toThrow(/leads out/);
    }
    expect(readFileSync(secret, 'utf8')).toBe('of the host');
    expect(existsSync('/tmp/escape')).toBe(false);
  });

  it('a folder stays a folder, and a file a file', async () => {
    await expect(put('/srv', tarOf('echo bad > sub'))).rejects.toThrow('cannot overwrite directory');
    await expect(put('/srv', tarOf('mkdir file'))).rejects.toThrow('cannot overwrite non-directory');
    await expect(put('/srv/file', tarOf('true'))).rejects.toMatchObject({ code: 'bad-request' });
    await put('/srv', tarOf('echo .wh. > .wh.file'));
    expect(listed(await get('/srv'))).toEqual(expect.arrayContaining(['x/.wh.file', 'x/file']));
  });

  it('names are taken away, whole folders too, in the container alone; what is mounted stays', async () => {
    const remove = async (path: string, ...names: string[]): Promise<void> => void await run(NAME, { verb: 'remove', path }, Buffer.from(names.map((name) => `${name}\0`).join('')));
    await put('/srv', tarOf(`mkdir -p rm/a/b; echo > rm/a/b/c; echo > rm/kept; ln -s ${machine.folder} rm/out; ln -s kept rm/link`));
    await put('/data', tarOf('mkdir -p rm; echo > rm/file; echo > kept'));
    await remove('/srv/rm', 'a', 'link', 'nosuch', 'no/such', 'out/secret');
    expect(listed(await get('/srv/rm'))).toEqual(['x/', 'x/kept', 'x/out']);
    await remove('/data', 'rm');
    expect(listed(await get('/data'))).toEqual(expect.not.arrayContaining(['x/rm/']));
    await remove('/', 'data', 'srv/rm/out');
    expect(readFileSync(join(machine.root, 'volumes/demo_data/_data/kept'), 'utf8')).toBe('\n');
    await expect(remove('/srv', '..')).rejects.toThrow('".." names no file');
    await remove('/srv', 'rm');
    expect(readFileSync(secret, 'utf8')).toBe('of the host');
  });

  it('the whole root without what is mounted', async () => {
    const names = listed((await run(NAME, { verb: 'export' })).bytes);
    expect(names).toEqual(expect.arrayContaining(['bin/', 'data/', 'proc/', 'srv/file', 'etc/hosts']));
    expect(names.filter((name) => /^(proc|sys|data)\/./.test(name))).toEqual([]);
  });

  it('what it has changed', async () => {
    const changes = await machine.engine.containers.changes(NAME);
    expect(changes).toEqual(expect.arrayContaining([{ path: '/srv', kind: 'added' }, { path: '/srv/file', kind: 'added' }, { path: '/up', kind: 'added' }]));
    expect(changes.map(({ path }) => path)).not.toContain('/gone');
  });
});

it('of one that is read-only only its volumes are written to', async () => {
  for (const running of [true, false]) {
    if (!running) await machine.engine.stopContainer('demo-fixed-1', null, 0);
    await expect(put('/etc', tarOf('echo > new'), { name: 'demo-fixed-1' })).rejects.toMatchObject({ code: 'forbidden' });
    await put('/data', tarOf('echo > volume'), { name: 'demo-fixed-1' });
  }
});

it('cp and export from the command line', async () => {
  await machine.close();
  const here = join(machine.folder, 'here');
  mkdirSync(here);
  const own = (...args: readonly string[]): ReturnType<typeof bayplan> => bayplan(['--root', machine.root, '-p', 'demo', ...args], { cwd: here });
  try {
    writeFileSync(join(here, 'a'), 'A');
    mkdirSync(join(here, 'tree'));
    writeFileSync(join(here, 'tree', 'leaf'), 'L');
    symlinkSync('leaf', join(here, 'tree', 'link'));
    expect(await own('cp', 'a', 'web:/srv')).toMatchObject({ code: 0, stdout: '', stderr: 'demo-web-1 copy a to demo-web-1:/srv Copied\n' });
    expect(await own('cp', 'a', 'web:/srv/b')).toMatchObject({ code: 0 });
    expect(await own('cp', 'tree', 'web:/srv')).toMatchObject({ code: 0 });
    expect(await own('cp', 'tree', 'web:/srv/renamed')).toMatchObject({ code: 0 });
    expect(await own('cp', 'tree/.', 'web:/srv/sub')).toMatchObject({ code: 0 });
    expect((await own('exec', '-T', 'web', 'sh', '-c', 'cat /srv/a /srv/b /srv/tree/leaf /srv/renamed/link /srv/sub/leaf')).stdout).toBe('AALLL');
    expect(await own('cp', 'web:/srv/tree', '.')).toMatchObject({ code: 0, stderr: 'demo-web-1 copy demo-web-1:/srv/tree to . Copied\n' });
    expect(await own('cp', 'web:/srv/tree', 'new')).toMatchObject({ code: 0 });
    expect(await own('cp', 'web:/srv/tree/.', 'new')).toMatchObject({ code: 0 });
    expect(await own('cp', '-L', 'web:/srv/tree/link', 'followed')).toMatchObject({ code: 0 });
    expect([readFileSync(join(here, 'new/leaf'), 'utf8'), readFileSync(join(here, 'followed'), 'utf8'), lstatSync(join(here, 'new/link')).isSymbolicLink()]).toEqual(['L', 'L', true]);
    const piped = await own('cp', 'web:/srv/tree', '-');
    expect(listed(Buffer.from(piped.stdout, 'latin1'))).toContain('tree/leaf');
    for (const [args, message] of [
      [['web:/nosuch', 'x'], 'no such file or directory: /nosuch in container'], [['nosuch', 'web:/srv'], 'no such file or directory: '], [['a', 'web:/no/such'], 'Could not find the file /no in container demo-web-1'],
      [['tree', 'web:/srv/a'], 'cannot copy a directory to the file'], [['web:/srv/tree', 'a'], 'cannot copy a directory to the file'], [['a', 'web:/new/'], 'no such directory: /new/'], [['a', 'b'], 'one of source and target'],
      [['a', 'nosuch:/srv'], 'no service "nosuch"'], [['--index', '4', 'a', 'web:/srv'], 'no container 4 of service "web"'],
    ] as const) {
      const refused = await own('cp', ...args);
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(message)]);
    }
    expect(await own('export', '-o', 'all.tar', 'web')).toMatchObject({ code: 0 });
    expect(listed(readFileSync(join(here, 'all.tar')))).toContain('srv/tree/leaf');
  } finally {
    await bayplan(['--root', machine.root, 'engine', 'stop']);
    await machine.open();
  }
});
