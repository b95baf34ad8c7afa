import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Machine } from './harness.ts';
import { machineForEach } from './machine-of-tests.ts';

let machine: Machine;
machineForEach((made) => {
  machine = made;
});

const stack = (mounts: string, more = ''): string => `
services:
  app: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, network_mode: none, volumes: [${mounts}] }
${more}
volumes: { data: {} }
`;
const cat = async (path: string): Promise<string> => (await machine.exec('demo-app-1', 'cat', path)).output;

it('gives a part of a volume, which no link leads out of', async () => {
  const at = (subpath: string): string => stack(`{ type: volume, source: data, target: /part, volume: { subpath: "${subpath}" } }`);
  await machine.engine.volumes.create('demo_data', 'demo', { driver: 'local', external: false, driverOpts: {}, labels: {} });
  const data = machine.engine.volumes.mountpoint('demo_data');
  mkdirSync(join(data, 'a/b, c'), { recursive: true });
  writeFileSync(join(data, 'a/b, c/file'), 'deep');
  symlinkSync('a', join(data, 'inside'));
  symlinkSync('/etc', join(data, 'outside'));
  symlinkSync('../../..', join(data, 'above'));
  expect(await machine.up(at('inside/b, c'))).toMatchObject({ ok: true });
  expect(await cat('/part/file')).toBe('deep');
  for (const [subpath, message] of [
    ['nowhere', 'subpath nowhere does not exist in what is mounted on /part: make it first'], ['outside', 'subpath outside leads out of what is mounted on /part'],
    ['above/etc', 'subpath above/etc leads out of what is mounted on /part'], ['../x', 'subpath ../x leads out of what is mounted on /part'],
  ] as const) expect((await machine.up(at(subpath))).message).toBe(`start-container demo-app-1: container demo-app-1 (image bayplan/hello): ${message}`);
  expect(existsSync(join(data, 'nowhere'))).toBe(false);
});

it('shares mounts of another service', async () => {
  const more = '  reader: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, network_mode: none, volumes_from: ["app:ro"] }';
  expect(await machine.up(stack('"data:/data"', more))).toMatchObject({ ok: true });
  await machine.exec('demo-app-1', 'sh', '-c', 'echo shared > /data/file');
  expect((await machine.exec('demo-reader-1', 'cat', '/data/file')).output).toBe('shared\n');
  expect((await machine.exec('demo-reader-1', 'touch', '/data/file')).output).toContain('Read-only file system');
});

it('takes mounts below a bind along, or not, and makes them read-only with it, or not', async () => {
  const folder = join(machine.folder, 'bound');
  mkdirSync(join(folder, 'below'), { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', join(folder, 'below')]);
  try {
    writeFileSync(join(folder, 'below/file'), 'below');
    const bind = (target: string, recursive: string): string => `{ type: bind, source: ${folder}, target: ${target}, read_only: true, bind: { recursive: ${recursive} } }`;
    expect(await machine.up(stack([bind('/enabled', 'enabled'), bind('/disabled', 'disabled'), bind('/writable', 'writable')].join(', ')))).toMatchObject({ ok: true });
    expect(await cat('/enabled/below/file')).toBe('below');
    expect(await cat('/disabled/below/file')).toContain('No such file');
    expect((await machine.exec('demo-app-1', 'touch', '/writable/below/new')).code).toBe(0);
    expect((await machine.exec('demo-app-1', 'touch', '/enabled/below/new')).output).toContain('Read-only file system');
    expect((await machine.exec('demo-app-1', 'touch', '/writable/new')).output).toContain('Read-only file system');
    await machine.down({ stopTimeoutSeconds: 0 });
  } finally {
    execFileSync('umount', [join(folder, 'below')]);
  }
});

it('a creation that fails leaves no anonymous volume, and no image\'s content in a named one', async () => {
  const fixed = 'networks: { shop: { ipv4_address: 10.219.7.9 } }';
  const one = `services:\n  one: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, ${fixed} }\nnetworks: { shop: { ipam: { config: [{ subnet: 10.219.7.0/24 }] } } }\n`;
  const two = (more: string, networks: string): string => `services:\n  two: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, volumes: ["/anonymous"${more}], ${networks} }\nnetworks: { shop: { external: true, name: demo_shop } }\nvolumes: { etc: {} }\n`;
  const volumes = (): readonly string[] => [...machine.engine.volumes.list().keys()];
  expect(await machine.up(one)).toMatchObject({ ok: true });
  expect(await machine.up(two(', "etc:/etc"', fixed), { name: 'other' })).toMatchObject({ ok: false, message: expect.stringContaining('10.219.7.9') });
  expect(volumes()).toEqual(['other_etc']);
  expect(readdirSync(machine.engine.volumes.mountpoint('other_etc'))).toEqual([]);
  // What fails once they are made takes them away again.
  const missing = await machine.up(two(', { type: volume, source: etc, target: /etc, volume: { nocopy: true } }, { type: image, source: "no/such:image", target: /x }', 'network_mode: none'), { name: 'other' });
  expect(missing.ok).toBe(false);
  expect(volumes()).toEqual(['other_etc']);
});
