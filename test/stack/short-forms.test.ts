import { describe, expect, test } from 'vitest';
import { parseByteSize } from '../../src/stack/byte-size.ts';
import { splitCommandLine } from '../../src/stack/command-line.ts';
import { formatDuration, parseDuration } from '../../src/state/duration.ts';
import { suggest } from '../../src/stack/nearest.ts';
import { parseVolumeSpec } from '../../src/stack/volume-spec.ts';

describe('durations', () => {
  test.each([['1m30s', 90_000, '1m30s'], ['1.5h', 5_400_000, '1h30m0s'], ['100ms', 100, '100ms'], ['0', 0, '0s'], ['1h', 3_600_000, '1h0m0s'], ['2d', 172_800_000, '48h0m0s'], ['1.5s', 1500, '1.5s'], ['10us', 0.01, '10µs']])(
    '%s', (text, ms, printed) => { expect([parseDuration(text), formatDuration(ms)]).toEqual([ms, printed]); });
  test.each(['30', 's', '1x', '', '1 m'])('%j is none', (text) => { expect(parseDuration(text)).toBeNull(); });
});

describe('sizes', () => {
  test.each([['1k', 1024], ['512m', 536_870_912], ['1.5g', 1_610_612_736], ['64kb', 65_536], ['1GiB', 1_073_741_824], ['100', 100], ['-1', -1], ['1b', 1]])(
    '%s', (text, bytes) => { expect(parseByteSize(text)).toBe(bytes); });
  test.each(['', 'm', '1x', '-1k', '1mm'])('%j is none', (text) => { expect(parseByteSize(text)).toBeNull(); });
});

describe('commands', () => {
  test.each([
    ['a  b', ['a', 'b']], ['sh -c "echo \'x y\'"', ['sh', '-c', "echo 'x y'"]], ["a 'b \\ c'", ['a', 'b \\ c']], ['a\\ b', ['a b']], ['""', ['']], ['', []], ['"a\\"b\\x"', ['a"bx']], ['a"b"c', ['abc']],
  ])('%s', (text, words) => { expect(splitCommandLine(text)).toEqual(words); });
  test.each(['"a', "'a", 'a\\'])('%s is not closed', (text) => { expect(splitCommandLine(text)).toBeNull(); });
});

describe('mounts', () => {
  test.each([
    ['data:/data', { type: 'volume', source: 'data', target: '/data', volume: {} }], ['/data', { type: 'volume', target: '/data', volume: {} }],
    ['./a:/b:ro', { type: 'bind', source: './a', target: '/b', read_only: true, bind: { create_host_path: true } }], ['~/a:/b', { type: 'bind', source: '~/a', target: '/b', bind: { create_host_path: true } }],
    ['/a:/b:rslave,z', { type: 'bind', source: '/a', target: '/b', bind: { propagation: 'rslave', selinux: 'z', create_host_path: true } }], ['no:/b:nocopy', { type: 'volume', source: 'no', target: '/b', volume: { nocopy: true } }],
  ])('%s', (text, volume) => { expect(parseVolumeSpec(text)).toEqual(volume); });
  test.each([':ab', '/a::ro', '/a:/b:ro:x', ''])('%j is none', (text) => { expect(typeof parseVolumeSpec(text)).toBe('string'); });
});

test('suggest names what is near, and nothing else', () => {
  const known = ['ports', 'image', 'environment', 'expose'];
  expect(['prots', 'imgae', 'enviroment', 'Image', 'zzz'].map((name) => suggest(name, known))).toEqual([
    '; did you mean "ports"?', '; did you mean "image"?', '; did you mean "environment"?', '; did you mean "image"?', '',
  ]);
});
