import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createApi } from '../../src/api/api.ts';
import { serve } from '../../src/api/serve.ts';
import { dockerClient, dockerMissing } from '../peers/docker-client.ts';
import { printPlan } from '../../src/plan/print.ts';
import { eventually, Machine } from './harness.ts';

// Devices of the Container Device Interface in real containers: nodes, variables, mounts, hooks, groups.
const machine = new Machine();
const files = join(machine.folder, 'cdi');
const ran = join(machine.folder, 'ran');
let server: Server;

const things = {
  env: ['ONE=first'],
  deviceNodes: [{ path: '/dev/thing', hostPath: '/dev/loop-control', permissions: 'r' }, { path: '/dev/vendor/full', type: 'c', major: 1, minor: 7, fileMode: 0o640, uid: 5 }],
  mounts: [{ hostPath: join(files, 'vendor.json'), containerPath: '/opt/vendor/spec.json', options: ['ro', 'nosuid', 'nodev', 'bind'] }],
  additionalGids: [4711],
};
/** Of a container with users of its own it is these that run the first one, who may not write here. */
const hooks = [{ hookName: 'createContainer', path: '/bin/sh', args: ['sh', '-c', `cat > ${ran}.create`] }, { hookName: 'poststop', path: '/bin/sh', args: ['sh', '-c', `cat > ${ran}.stop`] }];
const spec = { cdiVersion: '0.7.0', kind: 'vendor.com/thing', containerEdits: { env: ['THINGS=1'] }, devices: [{ name: 'one', containerEdits: { ...things, hooks } }, { name: 'plain', containerEdits: things }] };
const SERVICE = 'image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, network_mode: none';
const shell = async (name: string, script: string): Promise<string> => (await machine.exec(name, 'sh', '-c', script)).output;

beforeAll(async () => {
  mkdirSync(files);
  mkdirSync(machine.root);
  writeFileSync(join(machine.root, 'config.json'), JSON.stringify({ version: 1, 'cdi-spec-dirs': [files, join(machine.folder, 'none')] }));
  writeFileSync(join(files, 'vendor.json'), JSON.stringify(spec));
  await machine.open();
  await machine.loadHello();
  server = createApi(machine.engine, (line) => machine.reports.push(line));
  await serve(server, machine.paths.socket);
});
afterAll(async () => {
  for (const [name, { identity }] of machine.engine.containers.list()) if (identity.owner === 'api') await machine.engine.removeContainer(name, { volumes: true });
  server.close();
  server.closeAllConnections();
  await machine.dispose();
});

async function holdsTheDevice(name: string): Promise<void> {
  expect(await shell(name, 'cat /proc/1/environ | tr "\\0" "\\n" | grep -E "^(THINGS|ONE)="')).toBe('THINGS=1\nONE=first\n');
  expect(await shell(name, 'stat -c "%a %u" /dev/thing /dev/vendor/full')).toBe('666 0\n640 5\n');
  expect(await shell(name, '(exec 3</dev/thing) && echo opened; (exec 3>/dev/thing)')).toMatch(/^opened\n.*not permitted/);
  expect(await shell(name, 'grep -c vendor.com/thing /opt/vendor/spec.json; touch /opt/vendor/spec.json')).toMatch(/^1\n.*Read-only file system/);
  expect(await shell(name, 'grep Groups /proc/1/status')).toContain('4711');
  expect(JSON.parse(await read(`${ran}.create`))).toMatchObject({ status: 'created', pid: expect.any(Number) });
}
async function read(path: string): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  return await readFile(path, 'utf8');
}

it('a service gets a device by its name, with all that its file says, and its hooks run', async () => {
  expect(await machine.up(`services: { a: { ${SERVICE}, devices: [vendor.com/thing=one] } }`)).toMatchObject({ ok: true });
  await holdsTheDevice('demo-a-1');
  expect(printPlan((await machine.engine.planStack('demo', machine.request(`services: { a: { ${SERVICE}, devices: [vendor.com/thing=one] } }`))).plan)).toBe('');
  expect(await machine.down()).toMatchObject({ ok: true });
  await eventually(async () => expect(JSON.parse(await read(`${ran}.stop`))).toMatchObject({ status: 'stopped' }));
  rmSync(`${ran}.create`);
});

it('of users of its own too', async () => {
  expect(await machine.up(`services: { a: { ${SERVICE}, userns_mode: auto, devices: [vendor.com/thing=plain] } }`)).toMatchObject({ ok: true, message: '' });
  expect(await shell('demo-a-1', '(exec 3</dev/thing) && echo opened; grep -c vendor.com/thing /opt/vendor/spec.json; stat -c %u /opt/vendor/spec.json')).toBe('opened\n1\n0\n');
  expect(await machine.down()).toMatchObject({ ok: true });
});

it('gpus are the cards that some file describes; where none does, that is said before anything is made', async () => {
  const text = `services: { a: { ${SERVICE}, gpus: all }, b: { ${SERVICE} } }`;
  const message = `service "a": there is no CDI device nvidia.com/gpu=all on this machine: no file in ${files} or ${machine.folder}/none describes it`;
  await expect(machine.engine.planStack('demo', machine.request(text))).rejects.toThrow(message);
  await expect(machine.up(text)).rejects.toThrow(message);
  expect([...machine.engine.containers.list().keys()]).toEqual([]);
  writeFileSync(join(files, 'nvidia.yaml'), 'cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices:\n- name: all\n  containerEdits:\n    deviceNodes:\n    - { path: /dev/nvidia0, hostPath: /dev/zero }\n- name: "0"\n  containerEdits:\n    env: [CARD=0]\n');
  expect(await machine.up(text)).toMatchObject({ ok: true });
  expect(await shell('demo-a-1', 'stat -c %t:%T /dev/nvidia0')).toBe('1:5\n');
  expect((await machine.engine.planStack('demo', machine.request(text.replace('gpus: all', 'deploy: { resources: { reservations: { devices: [{ count: 1, capabilities: [gpu] }] } } }')))).plan.steps.map(({ id }) => id)).toContain('create-container demo-a-1');
  // What a vendor's service takes away again is missed at the next start, and said there.
  rmSync(join(files, 'nvidia.yaml'));
  await machine.engine.stopContainer('demo-a-1', 'SIGKILL', 0);
  await expect(machine.engine.startContainer('demo-a-1')).rejects.toThrow('container demo-a-1: there is no CDI device nvidia.com/gpu=all');
  await machine.down();
});

it.skipIf(dockerMissing !== null)('docker run --device and --gpus ask for them likewise', async () => {
  const docker = dockerClient(machine.paths.socket, machine.folder);
  expect(await docker(['run', '-d', '--network', 'none', '--name', 'held', '--device', 'vendor.com/thing=one', 'bayplan/hello', 'sleep', '1000'])).toMatchObject({ status: 0, err: '' });
  await holdsTheDevice('held');
  expect(JSON.parse((await docker(['inspect', '-f', '{{json .HostConfig.DeviceRequests}}', 'held'])).out)).toEqual([{ Driver: 'cdi', Count: 0, DeviceIDs: ['vendor.com/thing=one'], Capabilities: null, Options: {} }]);
  expect(JSON.parse((await docker(['info', '-f', '{{json .CDISpecDirs}}'])).out)).toEqual([files, join(machine.folder, 'none')]);
  expect(await docker(['run', '--rm', '--network', 'none', '--device', 'vendor.com/thing=two', 'bayplan/hello', 'true'])).toMatchObject({ status: 125, err: expect.stringContaining('there is no CDI device vendor.com/thing=two on this machine') });
  expect(await docker(['rm', '-f', 'held'])).toMatchObject({ status: 0 });
});
