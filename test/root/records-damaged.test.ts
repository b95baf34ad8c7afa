import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Machine } from './harness.ts';
import { startTimeOf } from './interrupted.ts';

// One record that cannot be read, of whatever kind and in whatever way, costs what it is of at most: all else works, and nothing is touched on its account.

const SHOP = `
services:
  web:
    image: bayplan/hello
    command: [sleep, "1000"]
    stop_signal: SIGKILL
    ports: ["80"]
    volumes: ["data:/data"]
    configs: [{ source: token, target: /token }]
volumes: {data: }
configs: {token: {content: open sesame}}
`;
const other = (scale: number): string => `services:\n  two: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, scale: ${scale} }\n`;
/** On the network of the first stack, so that the addresses there are asked for. */
const guest = 'services:\n  guest: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, scale: 3, networks: [shop] }\nnetworks: { shop: { external: true, name: demo_default } }\n';

const DAMAGES: Readonly<Record<string, (text: string) => string>> = {
  'is empty': () => '',
  'breaks off': (text) => text.slice(0, text.length / 2),
  'is not JSON': () => '\0\0\0\0not json',
  'has another shape': (text) => JSON.stringify({ version: JSON.parse(text).version ?? 1, schemaVersion: 7 }),
  'is of a newer version': (text) => JSON.stringify({ ...JSON.parse(text), version: 99, manifests: 'elsewhere', news: true }),
};
const table = Object.keys(DAMAGES).map((damage) => ({ damage }));

const machine = new Machine();
let id = '';
let pid = 0;
let startTime: number | null = null;
let address = '';

beforeAll(async () => {
  await machine.open();
  await machine.loadHello();
  expect(await machine.up(SHOP)).toMatchObject({ ok: true });
  expect(await machine.up(other(1), { name: 'other' })).toMatchObject({ ok: true });
  const { status } = machine.engine.container('demo-web-1');
  id = status?.id ?? '';
  pid = status?.pid ?? 0;
  startTime = startTimeOf(pid);
  address = status?.addresses['demo_default'] ?? '';
});
afterAll(() => machine.dispose());

/** Damages a file between two engines, looks, puts it back, and sees that all is as it was. */
async function withDamaged(path: string, damage: string, look: (line: string) => Promise<void>): Promise<void> {
  await machine.close();
  const text = readFileSync(path, 'utf8');
  const damaged = DAMAGES[damage]?.(text) ?? '';
  writeFileSync(path, damaged);
  try {
    await machine.open();
    const lines = machine.reports.splice(0);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(path);
    expect(lines[0]).not.toContain('\n');
    expect(machine.engine.setAside()).toEqual(lines);
    expect(machine.engine.events.past().filter(({ action }) => action === 'set-aside')).toMatchObject([{ type: 'daemon', attributes: { message: lines[0] } }]);
    expect(startTimeOf(pid)).toBe(startTime);
    await look(lines[0] ?? '');
    expect(startTimeOf(pid)).toBe(startTime);
    if (existsSync(`${path}.damaged`)) renameSync(`${path}.damaged`, path);
    expect(readFileSync(path, 'utf8')).toBe(damaged);
  } finally {
    await machine.close();
    rmSync(`${path}.damaged`, { force: true });
    writeFileSync(path, text);
  }
  await machine.open();
  expect(machine.reports).toEqual([]);
  expect(await machine.up(SHOP)).toMatchObject({ ok: true, done: [] });
  expect(machine.engine.container('demo-web-1').status).toMatchObject({ phase: 'running', pid, id });
  const port = machine.engine.container('demo-web-1').status?.ports[0]?.published;
  expect(port).toBeGreaterThan(0);
  expect(await machine.exec('demo-web-1', 'cat', '/token')).toEqual({ code: 0, output: 'open sesame' });
}

/** Another stack is changed and is as it was, with everything it needs. */
async function othersWork(): Promise<void> {
  expect(await machine.up(other(2), { name: 'other' })).toMatchObject({ ok: true, done: expect.arrayContaining(['start-container other-two-2']) });
  expect(await machine.up(other(1), { name: 'other' })).toMatchObject({ ok: true });
}

describe.each(table)('a record that $damage', ({ damage }) => {
  it('of a container leaves it running, and its name, addresses, volumes and image are not given to others', async () => {
    await withDamaged(join(machine.paths.containers, id, 'container.json'), damage, async (line) => {
      await othersWork();
      expect(() => machine.engine.container('demo-web-1')).toThrow(line);
      const again = await machine.up(SHOP);
      expect(again).toMatchObject({ ok: false, message: expect.stringContaining('container.json') });
      expect(JSON.stringify(again.events)).toContain(JSON.stringify(line).slice(1, -1));
      await expect(machine.engine.removeVolume('demo_data', false)).rejects.toMatchObject({ message: expect.stringContaining('demo-web-1') });
      await expect(machine.engine.networks.remove('demo_default')).rejects.toMatchObject({ code: 'network-in-use' });
      await machine.engine.images.tag('bayplan/hello', 'bayplan/once:1');
      expect(await machine.up(guest, { name: 'guest' })).toMatchObject({ ok: true });
      const given = [1, 2, 3].map((slot) => machine.engine.container(`guest-guest-${slot}`).status?.addresses['demo_default']);
      expect(given).not.toContain(address);
      expect(await machine.down({ name: 'guest' })).toMatchObject({ ok: true });
      await machine.engine.images.remove('bayplan/once:1', false);
    });
  });

  it('of a stack lets a damaged one be brought up anew, a newer one not', async () => {
    await withDamaged(join(machine.paths.stacks, 'demo/desired.json'), damage, async (line) => {
      expect([machine.engine.setAside('demo'), machine.engine.setAside('other')]).toEqual([[line], []]);
      await othersWork();
      const up = await machine.up(SHOP).catch((error: unknown) => ({ ok: false, message: String(error), done: [] }));
      if (damage === 'is of a newer version') expect(up).toMatchObject({ ok: false, message: expect.stringContaining('run the newer one') });
      else {
        expect(up).toMatchObject({ ok: true, done: [] });
        expect(JSON.stringify(up)).toContain(JSON.stringify(line).slice(1, -1));
        expect(machine.engine.setAside()).toEqual([]);
      }
    });
  });

  it('of a volume leaves its files alone', async () => {
    await withDamaged(join(machine.paths.volumes, 'demo_data/volume.json'), damage, async (line) => {
      await othersWork();
      await machine.exec('demo-web-1', 'touch', '/data/kept');
      expect(await machine.up(SHOP)).toMatchObject({ ok: false, message: expect.stringContaining(line) });
      await expect(machine.engine.volumes.remove('demo_data')).rejects.toMatchObject({ message: line });
      await machine.engine.pruneVolumes(() => true);
      expect(existsSync(join(machine.paths.volumes, 'demo_data/_data/kept'))).toBe(true);
    });
  });

  it('of a network leaves its links and names', async () => {
    await withDamaged(join(machine.paths.networks, 'demo_default.json'), damage, async (line) => {
      await othersWork();
      expect(await machine.up(SHOP)).toMatchObject({ ok: false, message: expect.stringContaining(line) });
      expect(await machine.exec('demo-web-1', 'cat', '/sys/class/net/eth0/carrier')).toEqual({ code: 0, output: '1\n' });
      expect((await machine.exec('demo-web-1', 'nslookup', '-type=a', 'web', '127.0.0.11')).output).toContain(address);
    });
  });

  it('of the images leaves them known by their IDs', async () => {
    await withDamaged(join(machine.paths.images, 'index.json'), damage, async () => {
      await expect(machine.loadHello()).rejects.toMatchObject({ code: 'record-damaged' });
      await machine.engine.restartContainer('other-two-1', null, 0);
      expect(await machine.exec('other-two-1', 'echo', 'hi')).toEqual({ code: 0, output: 'hi\n' });
    });
  });

  it('of the contents keeps those that are there in use', async () => {
    await withDamaged(join(machine.paths.contents, 'key.json'), damage, async (line) => {
      await othersWork();
      expect(await machine.up(SHOP)).toMatchObject({ ok: false, message: expect.stringContaining(line) });
      expect(await machine.exec('demo-web-1', 'cat', '/token')).toEqual({ code: 0, output: 'open sesame' });
    });
  });

  it('of the storage driver costs nothing', async () => {
    await withDamaged(join(machine.paths.root, 'storage.json'), damage, othersWork);
  });

  it('of the root is made anew, or refused where it is newer', async () => {
    const path = join(machine.paths.root, 'engine.json');
    if (damage !== 'is of a newer version') return await withDamaged(path, damage, othersWork);
    await machine.close();
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, DAMAGES[damage]?.(text) ?? '');
    await expect(machine.open()).rejects.toMatchObject({ code: 'record-too-new' });
    writeFileSync(path, text);
    machine.reports.splice(0);
    await machine.open();
  });
});

it.each(['ports.json', 'restarts', 'exit'])('a damaged %s of a container that runs takes nothing from it but what stood there', async (name) => {
  await machine.close();
  const path = join(machine.paths.bundles, id.slice(0, 16), name);
  writeFileSync(path, '{"vers');
  await machine.open();
  expect(machine.engine.container('demo-web-1').status).toMatchObject({ phase: 'running', pid });
  expect(machine.reports.splice(0)).toHaveLength(name === 'ports.json' ? 1 : 0);
  expect((await machine.exec('demo-web-1', 'true')).code).toBe(0);
  rmSync(path);
});

it('what lies among the volumes without a record is told and left alone; only what a cut off making or removal left is cleared', async () => {
  await machine.close();
  const at = (path: string): string => join(machine.paths.volumes, path);
  for (const path of ['orphan/_data', 'begun/_data', '.removing.gone/_data']) mkdirSync(at(path), { recursive: true });
  for (const path of ['stray', 'orphan/_data/kept', '.removing.gone/_data/old', '.removing.gone/volume.json']) writeFileSync(at(path), path);
  writeFileSync(at('begun/volume.json.01234567.tmp'), '{');
  await machine.open();
  expect(readdirSync(machine.paths.volumes).sort()).toEqual(['demo_data', 'orphan', 'stray']);
  expect([readFileSync(at('stray'), 'utf8'), readFileSync(at('orphan/_data/kept'), 'utf8')]).toEqual(['stray', 'orphan/_data/kept']);
  const lines = machine.reports.splice(0).sort();
  expect(lines).toEqual([expect.stringContaining(`${at('orphan')} has no volume.json`), expect.stringContaining(`${at('stray')} has no volume.json`)]);
  await expect(machine.engine.volumes.create('orphan', '', { driver: 'local', external: false, driverOpts: {}, labels: {} })).rejects.toMatchObject({ message: lines[0] });
  await machine.engine.volumes.create('fleeting', '', { driver: 'local', external: false, driverOpts: {}, labels: {} });
  writeFileSync(at('fleeting/_data/x'), 'x');
  await machine.engine.volumes.remove('fleeting');
  expect(readdirSync(machine.paths.volumes).sort()).toEqual(['demo_data', 'orphan', 'stray']);
  for (const path of ['orphan', 'stray']) rmSync(at(path), { recursive: true });
});
