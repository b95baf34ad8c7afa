import { expect, test } from 'vitest';
import { changeText } from '../../src/plan/compare.ts';
import { attachment } from '../spec-values.ts';

const volume = { type: 'volume', source: 'shop_data', target: '/data', readOnly: false, nocopy: false, subpath: '' };

test.each([
  ['mounts[/data]', undefined, volume, 'absent → volume shop_data'],
  ['mounts[/data]', { ...volume, readOnly: true, subpath: 'in' }, { ...volume, source: null }, 'volume shop_data/in, read-only → anonymous volume'],
  ['mounts[/data]', { type: 'bind', source: '/srv/x\n', target: '/data', readOnly: false }, { type: 'tmpfs', target: '/data' }, 'bind /srv/x\\n → tmpfs'],
  ['mounts[/data].readOnly', false, true, 'false → true'],
  ['contents[/run/secrets/s]', undefined, { name: 'secret shop_s', uid: 0, gid: 0, mode: 0o444, onChange: null }, 'absent → secret shop_s'],
  ['networks[shop_back]', { ...attachment(), aliases: ['web', 'shop'] }, undefined, 'connected as web, shop → absent'],
  ['command', ['a'], null, '["a"] → null'],
])('%s: %j, %j', (field, before, after, text) => {
  expect(changeText({ field, before, after })).toBe(`${field}: ${text}`);
});
