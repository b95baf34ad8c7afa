import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DRIVER_NAMES } from '../../src/runtime/storage/storage-driver.ts';
import { dockerArchive } from '../runtime/image/image-archives.ts';
import { tarBytes } from '../runtime/image/tar-bytes.ts';
import { Disk, missingFor } from './disks.ts';
import { eventually, Machine } from './harness.ts';
import { interrupted } from './interrupted.ts';

// One table of behaviours for every storage driver.
const d = { name: 'd/', type: '5', mode: 0o750, uid: 5, gid: 6 }; // in every layer that has something below it, as tools write them
const applets = ['sh', 'sleep', 'cat', 'ls', 'stat', 'ln', 'rm', 'mkdir', 'touch', 'echo', 'chown', 'chmod', 'mknod', 'mv', 'head', 'sort', 'find'];
const base = tarBytes([
  { name: 'bin/', type: '5' }, { name: 'bin/busybox', mode: 0o755, content: readFileSync('/bin/busybox') },
  ...applets.map((name) => ({ name: `bin/${name}`, type: '1', target: 'bin/busybox' })),
  d, { name: 'd/low', content: 'low' }, { name: 'd/gone', content: 'gone' },
  { name: 'opaque/', type: '5' }, { name: 'opaque/old', content: 'old' }, { name: 'opaque/sub/', type: '5' }, { name: 'opaque/sub/deep', content: 'deep' },
  { name: 'file', content: 'kept' }, { name: 'kind/', type: '5' }, { name: 'kind/inner', content: 'inner' }, { name: 'data/', type: '5' }, { name: 'data/seed', content: 'seed' },
]);
const upper = tarBytes([
  d, { name: 'd/.wh.gone', content: '' }, { name: 'opaque/new', content: 'new' }, { name: 'opaque/', type: '5' }, { name: 'opaque/.wh..wh..opq', content: '' },
  { name: 'marked', content: 'marked', pax: { 'SCHILY.xattr.user.mark': 'seen' } }, { name: 'hard', type: '1', target: 'marked' }, { name: 'kind', content: 'a file by now' },
]);
const third = tarBytes([d, { name: 'd/third', content: 'third' }, { name: 'gone-again', content: 'x' }]);
const fourth = tarBytes([{ name: '.wh.gone-again', content: '' }]);

const SLEEP = 'image: "store:1", command: [sh, -c, "exec sleep 1000"], stop_signal: SIGKILL';
const STACK = `services: {a: {${SLEEP}}, b: {${SLEEP}, volumes: ["seeded:/data"]}}\nvolumes: {seeded: }`;

describe.each(DRIVER_NAMES)('storage driver %s', (driver) => {
  const missing = missingFor(driver);
  const title = (name: string): string => (missing === null ? name : `${name} (skipped: ${missing})`);
  const test = missing === null ? it : it.skip;
  let disk: Disk;
  let machine: Machine;

  const inside = async (name: string, script: string): Promise<string> => (await machine.exec(name, 'sh', '-c', script)).output;
  const load = (archive: Buffer): Promise<readonly string[]> => machine.engine.images.load(Readable.from([archive]));
  const layers = (): readonly string[] => readdirSync(machine.engine.paths.layers);
  const get = async (name: string, path: string): Promise<Buffer> => {
    const chunks: Buffer[] = [];
    const sink = new Writable({ write: (chunk: Buffer, _encoding, done) => { chunks.push(chunk); done(); } });
    await machine.engine.containers.archive(name, { verb: 'get', path, name: 'x' }, { signal: new AbortController().signal, output: () => sink });
    return Buffer.concat(chunks);
  };

  beforeAll(async () => {
    if (missing !== null) return;
    disk = new Disk(driver);
    machine = new Machine(disk.root);
    mkdirSync(disk.root, { recursive: true });
    writeFileSync(join(disk.root, 'config.json'), JSON.stringify({ version: 1, 'storage-driver': driver }));
    await machine.open();
    await load(dockerArchive({ names: ['store:1'], layers: [base, upper, third, fourth] }));
    expect(await machine.up(STACK)).toMatchObject({ ok: true });
  });
  afterAll(async () => {
    if (missing !== null) return;
    await machine.dispose();
    disk.remove();
  });

  test(title('shows what the layers hold together: whiteouts, opaque folders, links, kinds, owners, attributes'), async () => {
    expect(machine.engine.storage.name).toBe(driver);
    expect(await inside('demo-a-1', 'ls /d /opaque; cat /file /kind /opaque/new; ls /gone-again 2>&1; stat -c %u:%g:%a /d; stat -c %h /marked; echo; stat -c %h /bin/sh')).toBe(
      `/d:\nlow\nthird\n\n/opaque:\nnew\nkepta file by nownewls: /gone-again: No such file or directory\n5:6:750\n2\n\n${applets.length + 1}\n`);
    expect((await get('demo-a-1', '/marked')).toString()).toContain('SCHILY.xattr.user.mark=seen');
  });

  test(title('keeps a layer once for all images, and fills volumes with what an image has there'), async () => {
    const before = layers();
    expect(before).toHaveLength(4);
    await load(dockerArchive({ names: ['other:1'], layers: [base, upper] }));
    expect(layers()).toEqual(before);
    await machine.engine.images.remove('other:1', false);
    expect(await inside('demo-b-1', 'cat /data/seed')).toBe('seed');
  });

  test(title('gives each container what it writes itself, and keeps it over a restart and over the engine\'s end'), async () => {
    await inside('demo-a-1', 'echo mine > /d/mine; rm /d/low; rm -r /opaque; mkdir /opaque; echo fresh > /opaque/fresh; ln /d/mine /d/mine2; chown 7:8 /file; mv /kind /moved; echo more > /hard');
    expect(await inside('demo-b-1', 'ls /d /opaque; stat -c %u /file; cat /marked')).toBe('/d:\nlow\nthird\n\n/opaque:\nnew\n0\nmarked');
    await machine.close();
    await machine.open();
    await machine.engine.restartContainer('demo-a-1', null, 0);
    expect(await inside('demo-a-1', 'ls /d /opaque; stat -c %u:%g /file; cat /moved /marked; stat -c %h /d/mine')).toBe(`/d:\nmine\nmine2\nthird\n\n/opaque:\nfresh\n7:8\na file by now${driver === 'overlay' ? 'marked' : 'more\n'}2\n`); // overlay copies one name of a file up, not all
  });

  test(title('lists what has changed, and how much was written'), async () => {
    const shown = (await machine.engine.containers.changes('demo-a-1')).map(({ kind, path }) => `${kind} ${path}`).filter((line) => !/ \/(marked|hard)$/.test(line));
    const opaque = shown.filter((line) => line.includes('/opaque')).sort();
    expect(opaque).toContain('added /opaque/fresh');
    expect(shown.filter((line) => !line.includes('/opaque'))).toEqual(['changed /d', 'deleted /d/low', 'added /d/mine', 'added /d/mine2', 'changed /file', 'deleted /kind', 'added /moved']);
    expect((await machine.engine.containers.changes('demo-b-1')).map(({ path }) => path)).toEqual([]);
    const { containers } = await machine.engine.diskUsage({ containers: true, volumes: false });
    expect(containers.get('demo-a-1')).toBeGreaterThan(10);
    expect(containers.get('demo-a-1')).toBeLessThan(10_000);
    expect(containers.get('demo-b-1')).toBe(0);
  });

  test(title('makes an image of what a container has written, which runs, and is saved'), async () => {
    const id = await machine.engine.commitContainer('demo-a-1', { reference: 'docker.io/library/made:1', author: 'me', message: 'why', changes: ['CMD ["sleep","2000"]', 'ENV A=1', 'LABEL l="a b"'], pause: true });
    expect(machine.engine.containers.get('demo-a-1')?.status?.paused).toBe(false);
    const { config } = machine.engine.images.details('made:1');
    expect(config).toMatchObject({ author: 'me', config: { Cmd: ['sleep', '2000'], Env: ['A=1'], Labels: { l: 'a b' } }, history: [{ author: 'me', comment: 'why', created_by: 'sleep 2000' }] });
    expect([machine.engine.images.find('made:1')?.id, layers().length, config.rootfs.diff_ids.length]).toEqual([id, 5, 5]);
    expect(await machine.up('services: {a: {image: "made:1", stop_signal: SIGKILL}}', { name: 'made' })).toMatchObject({ ok: true });
    expect(await inside('made-a-1', 'ls /d /opaque; stat -c %u:%g:%a /file /d; cat /moved; stat -c %h /d/mine; ls /kind 2>&1; echo $A')).toBe(
      '/d:\nmine\nmine2\nthird\n\n/opaque:\nfresh\n7:8:644\n5:6:750\na file by now2\nls: /kind: No such file or directory\n1\n');
    const saved: Buffer[] = [];
    for await (const chunk of await machine.engine.images.save(['made:1'])) saved.push(Buffer.from(chunk));
    expect(execFileSync('tar', ['tf', '-'], { input: Buffer.concat(saved), encoding: 'utf8' })).toContain('manifest.json');
    expect(await machine.down({ name: 'made' })).toMatchObject({ ok: true });
    await machine.engine.images.remove('made:1', false);
    expect(layers()).toHaveLength(4);
    await expect(machine.engine.commitContainer('demo-a-1', { reference: null, author: '', message: '', changes: ['RUN true'], pause: false })).rejects.toThrow(/expected one of CMD, ENTRYPOINT/);
  });

  test(title('loses no name, be it no UTF-8, or one of very many'), async () => {
    const names = `i=0; while [ $i -lt 400 ]; do f=/many/a$i${'é'.repeat(100)}; `;
    await inside('demo-b-1', `mkdir /many; printf odd > "/many/$(printf '\\377\\376')"; ${names} echo $i > $f; i=$((i + 1)); done`);
    await machine.engine.commitContainer('demo-b-1', { reference: 'docker.io/library/made:2', author: '', message: '', changes: [], pause: true });
    expect(await machine.up('services: {a: {image: "made:2", command: [sleep, "1000"], stop_signal: SIGKILL}}', { name: 'made' })).toMatchObject({ ok: true });
    expect(await inside('made-a-1', `cat "/many/$(printf '\\377\\376')"; set -- /many/*; echo " $#"; ${names} cat $f > /null || echo lost $i; i=$((i + 1)); done`)).toBe('odd 401\n');
    expect((await machine.engine.containers.changes('demo-b-1')).filter(({ path }) => /^\/many\/a\d+é{100}$/.test(path))).toHaveLength(400);
    expect(await machine.down({ name: 'made' })).toMatchObject({ ok: true });
    await machine.engine.images.remove('made:2', false);
    await inside('demo-b-1', 'rm -r /many');
  });

  test(title('makes nothing on the host where an image has a link to there'), async () => {
    const outside = mkdtempSync(join(tmpdir(), 'bayplan-outside-'));
    const inner = outside.slice(1);
    await load(dockerArchive({ names: ['link:1'], layers: [base, tarBytes([{ name: 'tmp/', type: '5' }, { name: `${inner}/`, type: '5' }, { name: 'etc', type: '2', target: outside }])] }));
    try {
      expect(await machine.up('services: {a: {image: "link:1", command: [sleep, "1000"], stop_signal: SIGKILL}}', { name: 'link' })).toMatchObject({ ok: true });
      expect(await inside('link-a-1', `ls ${outside}`)).toBe('hostname\nhosts\nresolv.conf\n');
      expect(readdirSync(outside)).toEqual([]);
    } finally {
      expect(await machine.down({ name: 'link' })).toMatchObject({ ok: true });
      await machine.engine.images.remove('link:1', false);
      rmSync(outside, { recursive: true });
    }
  });

  test(title('reads and writes the files of a container that is stopped'), async () => {
    await machine.engine.stopContainer('demo-a-1', null, 0);
    expect((await get('demo-a-1', '/d/mine')).toString()).toContain('mine\n');
    await machine.engine.containers.archive('demo-a-1', { verb: 'put', path: '/d', keepKinds: true, owner: '' }, { signal: new AbortController().signal, input: Readable.from([tarBytes([{ name: 'put', content: 'put' }])]) });
    expect(mountsBelow(machine.paths.run, machine.paths.bundles)).toEqual(driver === 'fuse-overlayfs' ? [`${machine.paths.bundles}/${(machine.engine.containers.get('demo-b-1')?.status?.id ?? '').slice(0, 16)}/rootfs`] : []);
    await machine.engine.startContainer('demo-a-1');
    expect(await inside('demo-a-1', 'cat /d/put')).toBe('put');
  });

  test(title('loses nothing of what ran, and keeps nothing half-made, where the engine is killed'), async () => {
    await machine.close();
    for (const atEvent of [2, 4, 6]) await interrupted(machine, machine.request(STACK.replaceAll('1000', `100${atEvent}`)), { atEvent });
    await machine.open();
    expect(await machine.up(STACK)).toMatchObject({ ok: true });
    expect(['low\nthird\n', 'mine\nmine2\nput\nthird\n']).toContain(await inside('demo-a-1', 'ls /d')); // the container of before, or a whole new one
    expect(layers().filter((name) => name.includes('tmp'))).toEqual([]);
  });

  test(title('notices a container that ended while no engine ran, and starts it again'), async () => {
    const id = machine.engine.containers.get('demo-a-1')?.status?.id.slice(0, 16) ?? '';
    const { pid, shimPid } = JSON.parse(readFileSync(join(machine.paths.bundles, id, 'pid'), 'utf8')) as { pid: number; shimPid: number };
    await machine.close();
    process.kill(shimPid, 'SIGKILL');
    process.kill(pid, 'SIGKILL');
    await eventually(() => expect(existsSync(`/proc/${pid}`)).toBe(false));
    await machine.open();
    expect(machine.engine.containers.get('demo-a-1')?.status?.phase).toBe('lost');
    expect(mountsBelow(join(machine.paths.bundles, id))).toEqual([]);
    await machine.engine.startContainer('demo-a-1');
    expect(await inside('demo-a-1', 'cat /file')).toBe('kept');
  });

  test(title('gives a container users of its own, who see the image as theirs, and keep what they have written'), async () => {
    const text = `services: {own: {${SLEEP}, userns_mode: auto, volumes: ["fresh:/data"]}}\nvolumes: {fresh: }`;
    const look = 'id -u; stat -c %u:%g /file /d /d/low /bin/sh /data /data/seed; cat /file /d/low; echo';
    const seen = '0\n0:0\n5:6\n0:0\n0:0\n0:0\n0:0\nkeptlow\n';
    expect(await machine.up(text, { name: 'users' })).toMatchObject({ ok: true, message: '' });
    const name = 'users-own-1';
    const root = (): number => Number(readFileSync(`/proc/${machine.engine.container(name).status?.pid ?? 0}/uid_map`, 'utf8').trim().split(/\s+/)[1]);
    expect(root()).toBeGreaterThan(0);
    expect(await inside(name, look)).toBe(seen);
    expect(await inside(name, 'echo new > /d/new; chown 7:8 /d/new; echo over >> /file; rm /d/low; stat -c %u:%g /d/new /file')).toBe('7:8\n0:0\n');
    await machine.engine.restartContainer(name, 'SIGKILL', 0);
    expect(await inside(name, 'cat /d/new /file; stat -c %u:%g /d/new; ls /d')).toBe('new\nkeptover\n7:8\nnew\nthird\n');
    expect((await machine.engine.containers.changes(name)).map(({ kind, path }) => `${kind} ${path}`).filter((line) => / \/(d|file)/.test(line))).toEqual(['changed /d', 'deleted /d/low', 'added /d/new', 'changed /file']);
    // Its users are held as those of a machine are, and are nobody's outside.
    expect(await inside(name, 'echo own > /d/own; chmod 600 /d/own; mkdir -m 1777 /spool')).toBe('');
    const seventh = await machine.engine.containers.exec(name, { command: ['sh', '-c', 'cat /d/own 2>&1; touch /d/no 2>&1; touch /spool/mine && stat -c %u /spool/mine'], environment: [], user: '7', workingDir: '', tty: false });
    let said = '';
    seventh.stdout.on('data', (data: Buffer) => { said += data.toString(); });
    await seventh.exit;
    expect(said).toBe("cat: can't open '/d/own': Permission denied\ntouch: /d/no: Permission denied\n7\n");
    expect((await inside(name, 'cat /proc/self/mountinfo')).split('\n').find((line) => line.split(' ')[4] === '/')).not.toMatch(/nosuid/);
    const status = machine.engine.container(name).status;
    expect(statSync(`/proc/${status?.pid ?? 0}/root/spool/mine`).uid).toBe(root() + 7);
    await machine.engine.stopContainer(name, null, 0);
    const archived = execFileSync('tar', ['--numeric-owner', '-tvf', '-'], { input: await get(name, '/d/new'), encoding: 'utf8' });
    expect(archived).toMatch(/^-\S+ 7\/8 /);
    await machine.engine.commitContainer(name, { reference: 'docker.io/library/own:1', author: '', message: '', changes: [], pause: false });
    expect(await machine.up('services: {a: {image: "own:1", command: [sleep, "1000"], stop_signal: SIGKILL}}', { name: 'made' })).toMatchObject({ ok: true });
    expect(await inside('made-a-1', 'stat -c %u:%g /d/new /d/own /spool/mine /file')).toBe('7:8\n0:0\n7:0\n0:0\n');
    expect(await machine.down({ name: 'made' })).toMatchObject({ ok: true });
    await machine.engine.images.remove('own:1', false);
    // Nobody else's files are given away by that.
    expect(await inside('demo-a-1', 'stat -c %u:%g /file /d/low /bin/sh')).toBe('0:0\n0:0\n0:0\n');
    expect(await machine.down({ name: 'users', volumes: true, stopTimeoutSeconds: 0 })).toMatchObject({ ok: true });
  });

  test(title('removes containers and images without a trace'), async () => {
    expect(await machine.down({ volumes: true })).toMatchObject({ ok: true });
    expect(readdirSync(machine.paths.containers)).toEqual([]);
    expect(mountsBelow(machine.paths.run, machine.paths.bundles)).toEqual([]);
    await machine.engine.images.remove('store:1', false);
    expect(layers()).toEqual([]);
    await eventually(() => expect(fuseServers(machine.paths.run)).toEqual([]));
  });
});

it('takes vfs, and says why, where the file system below the root can hold no overlay', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bayplan-nested-'));
  const [lower, up, work, merged] = ['lower', 'upper', 'work', 'merged'].map((name) => join(folder, name));
  for (const each of [lower, up, work, merged]) mkdirSync(each ?? '');
  execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', `lowerdir=${lower},upperdir=${up},workdir=${work}`, merged ?? '']);
  const machine = new Machine(join(merged ?? '', 'root'));
  try {
    await machine.open();
    expect(machine.engine.storage.name).toBe('vfs');
    expect(machine.reports.join('\n')).toMatch(/storage driver vfs: overlay cannot be used below .*: /);
    await machine.close();
    machine.reports.length = 0;
    await machine.open(); // it stays what it was, and is not said again
    expect([machine.engine.storage.name, machine.reports]).toEqual(['vfs', []]);
    await machine.engine.images.load(Readable.from([dockerArchive({ names: ['store:1'], layers: [base] })]));
    expect(await machine.up(`services: {a: {${SLEEP}}}`)).toMatchObject({ ok: true });
    expect((await machine.exec('demo-a-1', 'cat', '/file')).output).toBe('kept');
  } finally {
    await machine.dispose();
    execFileSync('umount', [merged ?? '']);
    rmSync(folder, { recursive: true });
  }
});

it('refuses in one line a driver that cannot be, and one that is none', async () => {
  const machine = new Machine();
  mkdirSync(machine.root, { recursive: true });
  const open = async (driver: string): Promise<void> => {
    writeFileSync(join(machine.root, 'config.json'), JSON.stringify({ version: 1, 'storage-driver': driver }));
    await machine.open();
  };
  await expect(open('zfs')).rejects.toThrow(/config\.json: storage-driver: expected one of overlay, fuse-overlayfs, btrfs, vfs/);
  await expect(open('btrfs')).rejects.toThrow(/storage driver btrfs: .* is not on btrfs/);
  await open('overlay');
  await machine.loadHello();
  expect(await machine.up('services: {a: {image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL}}')).toMatchObject({ ok: true });
  await machine.engine.stopContainer('demo-a-1', null, 0);
  await machine.close();
  await open('vfs');
  await expect(machine.engine.startContainer('demo-a-1')).rejects.toThrow(/its root was made with storage driver overlay, and this engine has vfs/);
  await machine.close();
  // Without the line the root is what it was made with, also where that is not what would be chosen.
  rmSync(join(machine.root, 'config.json'));
  await machine.open();
  await machine.engine.startContainer('demo-a-1');
  await machine.dispose();
});

it('keeps to the driver that its configuration named first, once that names none', async () => {
  const machine = new Machine();
  mkdirSync(machine.root, { recursive: true });
  const config = join(machine.root, 'config.json');
  for (const [driver, fits] of [['btrfs', false], ['vfs', true]] as const) {
    writeFileSync(config, JSON.stringify({ version: 1, 'storage-driver': driver }));
    if (fits) await machine.open();
    else await expect(machine.open()).rejects.toThrow(/is not on btrfs/);
  }
  await machine.loadHello();
  expect(await machine.up('services: {a: {image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL}}')).toMatchObject({ ok: true });
  await machine.engine.stopContainer('demo-a-1', null, 0);
  await machine.close();
  rmSync(config);
  await machine.open();
  await machine.engine.startContainer('demo-a-1');
  expect(machine.engine.container('demo-a-1').status).toMatchObject({ phase: 'running', storage: 'vfs' });
  await machine.dispose();
});

function mountsBelow(folder: string, but = ''): readonly string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8').split('\n').map((line) => line.split(' ')[4] ?? '').filter((at) => at.startsWith(`${folder}/`) && /\/c\/./.test(at) && at !== but);
}

/** Processes that serve a root below a run folder. */
function fuseServers(run: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      const [program = '', ...words] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return program.endsWith('fuse-overlayfs') && words.some((word) => word.startsWith(`${run}/`));
    } catch {
      return false; // no process, or none any more
    }
  });
}
