import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CdiDevices } from '../../../src/runtime/cdi/cdi-devices.ts';
import type { DeviceRequest } from '../../../src/state/device-request.ts';

let folder: string;
let devices: CdiDevices;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bayplan-cdi-'));
  for (const name of ['a', 'b']) mkdirSync(join(folder, name));
  devices = new CdiDevices([join(folder, 'a'), join(folder, 'b'), join(folder, 'none')]);
});
afterEach(() => { rmSync(folder, { recursive: true }); });

const put = (name: string, text: unknown): void => { writeFileSync(join(folder, name), typeof text === 'string' ? text : JSON.stringify(text)); };
const named = (...ids: string[]): DeviceRequest => ({ driver: 'cdi', count: 0, ids, capabilities: [], options: {} });
const cards = (changes: Partial<DeviceRequest>): DeviceRequest => ({ driver: '', count: 0, ids: [], capabilities: [['gpu']], options: {}, ...changes });
const spec = (kind: string, ...names: readonly string[]): object => ({ cdiVersion: '0.5.0', kind, devices: names.map((name) => ({ name, containerEdits: { env: [`${name.toUpperCase()}=1`] } })), containerEdits: { env: [`KIND=${kind}`] } });
const envOf = async (...requests: DeviceRequest[]): Promise<readonly string[]> => (await devices.edits(requests)).flatMap(({ env = [] }) => env);

test('a file\'s own edits come once, before those of its devices; JSON and YAML', async () => {
  put('a/net.json', spec('vendor.com/net', 'one', 'two'));
  put('b/disk.yaml', 'cdiVersion: 0.3.0\nkind: vendor.com/disk\ndevices:\n  - name: d\n    containerEdits:\n      deviceNodes: [{ path: /dev/d, fileMode: 0660 }]\n');
  expect(await envOf(named('vendor.com/net=two', 'vendor.com/net=one', 'vendor.com/net=two'))).toEqual(['KIND=vendor.com/net', 'TWO=1', 'ONE=1']);
  expect(await devices.edits([named('vendor.com/disk=d')])).toEqual([{ deviceNodes: [{ path: '/dev/d', fileMode: 0o660 }] }]);
});

test('a later folder counts before an earlier one, and two files of one folder contradict each other', async () => {
  put('a/x.json', spec('vendor.com/x', 'a'));
  put('b/x.json', { ...spec('vendor.com/x', 'a'), containerEdits: { env: ['FROM=b'] } });
  expect(await envOf(named('vendor.com/x=a'))).toEqual(['FROM=b', 'A=1']);
  put('b/y.json', spec('vendor.com/x', 'a'));
  await expect(devices.edits([named('vendor.com/x=a')])).rejects.toThrow(`CDI device vendor.com/x=a: ${folder}/b/x.json and ${folder}/b/y.json both describe it: remove one of them`);
});

describe('cards are asked for by what they can do', () => {
  test.each<[Partial<DeviceRequest>, readonly string[]]>([
    [{ count: -1 }, ['ALL=1']], [{ count: 2 }, ['G0=1', 'G1=1']], [{ ids: ['g1'] }, ['G1=1']], [{ ids: ['vendor.com/net=one'], driver: 'nvidia' }, ['ONE=1']],
    [{ count: -1, capabilities: [['tpu'], ['gpu', 'compute']] }, ['ALL=1']], [{ count: 0 }, []],
  ])('%j', async (changes, env) => {
    put('a/net.json', spec('vendor.com/net', 'one'));
    put('a/nvidia.json', { ...spec('nvidia.com/gpu', 'all', 'g1'), devices: [['all', 'ALL'], ['0', 'G0'], ['1', 'G1'], ['g1', 'G1']].map(([name, variable]) => ({ name, containerEdits: { env: [`${variable}=1`] } })) });
    put('a/amd.json', spec('amd.com/gpu', 'all'));
    expect((await envOf(cards(changes))).filter((each) => !each.startsWith('KIND='))).toEqual(env);
  });

  test('of AMD where there are none of the other', async () => {
    put('a/amd.json', spec('amd.com/gpu', 'all'));
    expect(await envOf(cards({ count: -1 }))).toEqual(['KIND=amd.com/gpu', 'ALL=1']);
  });
});

test('what is not there is said in a line, with the files that could not be read', async () => {
  put('a/bad.json', '{');
  put('b/old.json', { ...spec('vendor.com/a.b', 'x'), cdiVersion: '0.5.0' });
  await expect(devices.edits([cards({ count: -1 })])).rejects.toThrow(/^there is no CDI device nvidia\.com\/gpu=all on this machine: no file in .*\/a or .*\/b or .*\/none describes it; `nvidia-ctk cdi generate .*; .*\/a\/bad\.json cannot be used: .*; .*\/b\/old\.json cannot be used: what it has needs cdiVersion 0\.6\.0 at least, it says 0\.5\.0$/);
  await expect(new CdiDevices([]).edits([named('vendor.com/a=b')])).rejects.toThrow('"cdi-spec-dirs" of the engine\'s configuration names no folder');
  expect(await devices.edits([])).toEqual([]);
});

test.each<[object, string]>([
  [{ cdiVersion: '9.0.0' }, 'cdiVersion "9.0.0" is not known'], [{ kind: 'net' }, 'kind: expected VENDOR/CLASS'], [{ devices: [] }, 'devices: expected a device at least'], [{ more: 1 }, 'Unrecognized key'],
  [{ devices: [{ name: 'a', containerEdits: {} }] }, 'device "a" has no containerEdits'], [{ devices: [{ name: 'a', containerEdits: { env: ['A=1'] } }, { name: 'a', containerEdits: { env: ['A=1'] } }] }, 'two devices are called "a"'],
  [{ containerEdits: { hooks: [{ hookName: 'never', path: '/x' }] } }, 'containerEdits.hooks.0.hookName'], [{ containerEdits: { env: ['=1'] } }, 'expected NAME=VALUE'], [{ containerEdits: { additionalGids: [5] } }, 'needs cdiVersion 0.7.0'],
])('a file with %j is refused', async (changes, message) => {
  put('a/x.json', { ...spec('vendor.com/x', 'a'), ...changes });
  await expect(devices.edits([named('vendor.com/x=a')])).rejects.toThrow(message);
});

test('what is not built is refused, and leaves other devices alone', async () => {
  put('a/x.json', { cdiVersion: '1.1.0', kind: 'vendor.com/x', devices: [{ name: 'rdt', containerEdits: { intelRdt: { closID: 'a' } } }, { name: 'link', containerEdits: { netDevices: [{ hostInterfaceName: 'a', name: 'b' }] } }, { name: 'ok', containerEdits: { env: ['OK=1'] } }] });
  await expect(devices.edits([named('vendor.com/x=rdt')])).rejects.toThrow('x.json asks for "intelRdt", which is not built yet');
  await expect(devices.edits([named('vendor.com/x=link')])).rejects.toThrow('"netDevices", which is not built yet');
  expect(await envOf(named('vendor.com/x=ok'))).toEqual(['OK=1']);
});
