import { existsSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Engine } from '../../src/engine/engine.ts';
import { build, eventually, Machine } from './harness.ts';

const machine = new Machine();
const { paths } = machine;
const file = `
services:
  lives:
    image: bayplan/hello
    command: sleep 1000
    ports: ["80"]
`;

beforeAll(async () => {
  await machine.open();
  await machine.loadHello();
  expect(await machine.up(file)).toMatchObject({ ok: true });
});
afterAll(() => machine.dispose());

/** Puts something in the place of a file or folder; undone by what it answers. */
function instead(path: string, put: (path: string) => void): () => void {
  const aside = `${path}.aside`;
  const there = existsSync(path);
  if (there) renameSync(path, aside);
  put(path);
  return () => {
    rmSync(path, { recursive: true });
    if (there) renameSync(aside, path);
  };
}

const text = (content: string) => (path: string): void => writeFileSync(path, content);
/** Sockets and pipes that this process holds. */
const held = (): number => readdirSync('/proc/self/fd').filter((fd) => {
  try {
    return /^(socket|pipe|anon_inode):|engine\.lock$/.test(readlinkSync(`/proc/self/fd/${fd}`));
  } catch {
    return false; // of the folder's reading itself
  }
}).length;

describe('an engine that cannot be opened', () => {
  it.each([
    ['the root is of a newer version', join(paths.root, 'engine.json'), text('{"version":99}')],
    ['the configuration is no JSON', paths.config, text('{')],
    ['the images are no folder', paths.images, text('')],
    ['the volumes are no folder', paths.volumes, text('')],
    ['the networks are no folder', paths.networks, text('')],
    ['the containers are no folder', paths.containers, text('')],
    ['zones cannot be cleared away', join(paths.zones, 'strange.json'), (path: string) => mkdirSync(path)],
    ['contents cannot be collected', join(paths.contents, 'strange'), (path: string) => mkdirSync(path)],
  ])('because %s gives back its lock and all it held, and leaves what runs to the next one', async (_what, path, put) => {
    await machine.close();
    const before = held();
    const undo = instead(path, put);
    try {
      for (let time = 0; time < 2; time++) await expect(machine.open()).rejects.not.toMatchObject({ code: 'engine-running' });
      await eventually(() => expect(held()).toBeLessThanOrEqual(before));
    } finally {
      undo();
    }
    const engine = await machine.open();
    expect(engine.container('demo-lives-1').status).toMatchObject({ phase: 'running', restarts: 0 });
  });

  it('because the core is not there', async () => {
    await machine.close();
    const other = join(machine.folder, 'build');
    mkdirSync(other);
    symlinkSync(join(build, 'libbayplan.so'), join(other, 'libbayplan.so'));
    await expect(Engine.open({ root: machine.root, build: other, version: 'test' })).rejects.toThrow('bayplan-core');
    await machine.open();
  });
});
