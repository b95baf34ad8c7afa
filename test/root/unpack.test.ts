import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sha256, tarBytes, type Entry } from '../runtime/image/tar-bytes.ts';

// Each test has a folder `outer` with the layer's folder in it: nothing else may ever appear in `outer`.
const core = process.env.BAYPLAN_TEST_CORE ?? new URL('../../build/bayplan-core', import.meta.url).pathname;
let outer = '';
let layer = '';
beforeEach(() => {
  outer = mkdtempSync(join(tmpdir(), 'bayplan-unpack-'));
  layer = join(outer, 'layer');
  mkdirSync(layer);
});
afterEach(() => rmSync(outer, { recursive: true, force: true }));

function unpack(input: readonly Entry[] | Buffer): { status: number | null; answer: Record<string, unknown>; error: string } {
  const bytes = Array.isArray(input) ? tarBytes(input) : input as Buffer;
  const { status, stdout, stderr } = spawnSync(core, ['unpack', '--dest', layer], { input: bytes });
  const error = stderr.toString() === '' ? '' : String((JSON.parse(stderr.toString()) as { error: unknown }).error);
  return { status, answer: status === 0 ? JSON.parse(stdout.toString()) as Record<string, unknown> : {}, error };
}
const xattr = (path: string, name: string): string | null => {
  const { status, stdout } = spawnSync('getfattr', ['-h', '--absolute-names', '--only-values', '-n', name, path]);
  return status === 0 ? stdout.toString('latin1') : null;
};
const at = (path: string): string => join(layer, path);
const type = (path: string): string => execFileSync('stat', ['-c', '%F %t:%T', at(path)]).toString().trim();

describe('content', () => {
  test('files with owners, modes and times', () => {
    const { answer } = unpack([
      { name: './', type: '5', mode: 0o750, mtime: 1_500_000_000 },
      { name: 'bin/', type: '5', mode: 0o755, mtime: 1_500_000_001 },
      { name: 'bin/su', content: 'setuid', mode: 0o4755, uid: 3, gid: 4 },
      { name: 'no/parents/here', content: 'x'.repeat(300_000) },
    ]);
    expect(answer).toMatchObject({ version: 1, entries: 4 });
    expect(lstatSync(at('bin/su'))).toMatchObject({ uid: 3, gid: 4, size: 6, mtimeMs: 1_600_000_000_000 });
    expect(lstatSync(at('bin/su')).mode & 0o7777).toBe(0o4755);
    expect(lstatSync(at('bin')).mtimeMs).toBe(1_500_000_001_000);
    expect(lstatSync(layer).mode & 0o7777).toBe(0o750);
    expect(readFileSync(at('no/parents/here'), 'utf8')).toBe('x'.repeat(300_000));
  });

  test('links, devices and fifos', () => {
    unpack([
      { name: 'a', content: 'one' }, { name: 'b', type: '1', target: 'a' }, { name: 'dangling', type: '2', target: '/etc/../../anything' },
      { name: 'null', type: '3', device: [1, 3], mode: 0o666 }, { name: 'disk', type: '4', device: [8, 1] }, { name: 'pipe', type: '6' },
    ]);
    expect(lstatSync(at('a')).ino).toBe(lstatSync(at('b')).ino);
    expect(readlinkSync(at('dangling'))).toBe('/etc/../../anything');
    expect([type('null'), type('disk'), type('pipe')]).toEqual(['character special file 1:3', 'block special file 8:1', 'fifo 0:0']);
  });

  test('extended attributes, but none that would speak to the overlay', () => {
    const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
    unpack([{ name: 'ping', content: 'x', uid: 5, pax: { 'SCHILY.xattr.security.capability': capability, 'SCHILY.xattr.user.note': 'n', 'SCHILY.xattr.trusted.overlay.redirect': '/etc', 'SCHILY.xattr.user.overlay.opaque': 'y' } }]);
    expect(xattr(at('ping'), 'security.capability')).toBe(capability.toString('latin1'));
    expect(xattr(at('ping'), 'user.note')).toBe('n');
    expect(xattr(at('ping'), 'trusted.overlay.redirect')).toBeNull();
    expect(xattr(at('ping'), 'user.overlay.opaque')).toBeNull();
  });

  test('long names of pax and GNU, and names of any bytes', () => {
    const long = Array.from({ length: 20 }, (_, i) => `folder-number-${i}`).join('/');
    unpack([
      { name: 'short', content: '1', pax: { path: `${long}/pax` } },
      { name: '././@LongLink', type: 'L', content: `${long}/gnu\0` }, { name: 'cut', content: '2' },
      { name: Buffer.from('new\nline\xff', 'latin1'), content: '3' },
      { name: 'fraction', content: '', pax: { mtime: '1234567890.5', uid: '3000000000' } },
    ]);
    expect(readFileSync(at(`${long}/pax`), 'utf8')).toBe('1');
    expect(readFileSync(at(`${long}/gnu`), 'utf8')).toBe('2');
    expect(readdirSync(layer, { encoding: 'buffer' }).map((name) => name.toString('latin1'))).toContain('new\nline\xff');
    expect(lstatSync(at('fraction'))).toMatchObject({ mtimeMs: 1_234_567_890_500, uid: 3_000_000_000 });
  });

  test('a later entry replaces an earlier one, folders are merged', () => {
    unpack([
      { name: 'x', content: 'old' }, { name: 'x', type: '5' }, { name: 'x/in', content: '' }, { name: 'x', type: '5', mode: 0o700 },
      { name: 'y/in/deep', content: '' }, { name: 'y', content: 'new' }, { name: 'l', type: '2', target: 'y' }, { name: 'l', content: 'own' },
    ]);
    expect(lstatSync(at('x')).mode & 0o777).toBe(0o700);
    expect(existsSync(at('x/in'))).toBe(true);
    expect([readFileSync(at('y'), 'utf8'), readFileSync(at('l'), 'utf8')]).toEqual(['new', 'own']);
  });

  test('whiteouts and opaque folders, in any order with what the layer itself has', () => {
    unpack([
      { name: 'a/.wh.gone', content: '' }, { name: 'b/.wh..wh..opq', content: '' }, { name: 'b/own', content: '' },
      { name: '.wh.first', content: '' }, { name: 'first/', type: '5' }, { name: 'then/', type: '5' }, { name: '.wh.then', content: '' },
      { name: 'file', content: 'kept' }, { name: '.wh.file', content: '' }, { name: '.wh.p', content: '' }, { name: 'p/q', content: '' }, { name: '.wh..wh.plnk', type: '5' },
    ]);
    expect(type('a/gone')).toBe('character special file 0:0');
    expect(['b', 'first', 'then', 'p'].map((name) => xattr(at(name), 'trusted.overlay.opaque'))).toEqual(['y', 'y', 'y', 'y']);
    expect(readFileSync(at('file'), 'utf8')).toBe('kept');
    expect(readdirSync(layer).sort()).toEqual(['a', 'b', 'file', 'first', 'p', 'then']);
  });
});

describe('compression', () => {
  const bytes = tarBytes([{ name: 'zeros', content: Buffer.alloc(3_000_000) }, { name: 'text', content: 'y'.repeat(1_000_001) }]);
  const halves = [bytes.subarray(0, 700_000), bytes.subarray(700_000)];
  const zstd = (input: Buffer): Buffer => execFileSync('zstd', ['-qc'], { input, maxBuffer: 1 << 26 });
  test.each([
    ['plain', bytes], ['gzip', gzipSync(bytes)], ['gzip of two members and padding', Buffer.concat([...halves.map((half) => gzipSync(half)), Buffer.alloc(700)])],
    ['zstd', zstd(bytes)], ['zstd of two frames', Buffer.concat(halves.map(zstd))],
  ])('%s has the digest of the plain bytes', (_, packed) => {
    expect(unpack(packed)).toMatchObject({ status: 0, answer: { diffId: sha256(bytes), size: bytes.length, entries: 2 } });
  });
  test.each([['plain', bytes], ['gzip', gzipSync(bytes)], ['zstd', zstd(bytes)]])('%s, cut off', (_, packed) => {
    expect(unpack(packed.subarray(0, Math.floor(packed.length * 0.6)))).toMatchObject({ status: 1, error: expect.stringMatching(/truncated/) });
  });
  test('whose last entry is not padded, as some writers leave it', () => {
    const unpadded = tarBytes([{ name: 'f', content: 'short' }], { end: false }).subarray(0, 512 + 5);
    expect(unpack(unpadded)).toMatchObject({ status: 0, answer: { diffId: sha256(unpadded) } });
    expect(unpack(unpadded.subarray(0, 512 + 4))).toMatchObject({ status: 1, error: expect.stringMatching(/truncated/) });
  });
  test('damaged', () => {
    const packed = Buffer.from(gzipSync(bytes));
    packed.fill(0x55, 2000, 2100);
    expect(unpack(packed)).toMatchObject({ status: 1, error: expect.stringMatching(/damaged/) });
    expect(unpack(Buffer.from('no tar at all '.repeat(100)))).toMatchObject({ status: 1, error: expect.stringMatching(/not a tar archive/) });
    expect(unpack(Buffer.alloc(0))).toMatchObject({ status: 1, error: expect.stringMatching(/empty/) });
  });
});

describe('hostile layers', () => {
  const up = '../'.repeat(2);
  test.each<[string, readonly Entry[], RegExp]>([
    ['a name with ..', [{ name: `${up}out`, content: 'x' }], /entry \.\.\/\.\.\/out: .*out of the layer/],
    ['.. in the middle', [{ name: 'a/../../out', content: 'x' }], /out of the layer/],
    ['a whiteout that leads out', [{ name: '../.wh.layer', content: '' }], /out of the layer/],
    ['a whiteout of ..', [{ name: 'a/.wh...', content: '' }], /whiteout without a name/],
    ['through a relative symlink', [{ name: 'l', type: '2', target: '..' }, { name: 'l/out', content: 'x' }], /entry l\/out: leads out of the layer through the symlink l -> \.\./],
    ['through an absolute symlink', [{ name: 'l', type: '2', target: '/tmp' }, { name: 'l/out', content: 'x' }], /entry l\/out: leads out of the layer through the symlink l -> \/tmp/],
    ['through a chain of symlinks', [{ name: 'a', type: '2', target: 'b/..' }, { name: 'b', type: '2', target: '..' }, { name: 'a/out', content: 'x' }], /out of the layer/],
    ['a folder over a symlink that leads out', [{ name: 'd/l', type: '2', target: '../..' }, { name: 'd/l/x/', type: '5' }], /out of the layer/],
    ['a hard link to a file outside', [{ name: 'p', type: '1', target: '../../../../etc/passwd' }], /out of the layer/],
    ['a hard link to an absolute name', [{ name: 'p', type: '1', target: '/etc/passwd' }], /which the layer does not have/],
    ['a hard link through a symlink', [{ name: 'l', type: '2', target: '/etc' }, { name: 'p', type: '1', target: 'l/passwd' }], /out of the layer|does not have/],
    ['a hard link to a folder', [{ name: 'd/', type: '5' }, { name: 'p', type: '1', target: 'd' }], /folder/],
    ['a file below a file', [{ name: 'f', content: '' }, { name: 'f/g', content: '' }], /entry f\/g: .*not a folder/],
    ['the root as a symlink', [{ name: './', type: '2', target: '/etc' }], /own folder/],
    ['a negative size', [{ name: 'n', content: '', sizeField: Buffer.alloc(12, 0xff) }], /entry n: negative or too large size/],
    ['a huge size', [{ name: 'n', content: '', sizeField: Buffer.from('80000000' + '7fffffffffffffff', 'hex') }], /size|truncated/],
    ['a size that is no number', [{ name: 'n', content: '', sizeField: Buffer.from('12x4        ') }], /entry n: size is not a number/],
    ['more content announced than there is', [{ name: 'n', content: '', sizeField: Buffer.from('00007777777\0') }], /truncated/],
    ['a pax size that is no number', [{ name: 'n', content: '', pax: { size: '-1' } }], /pax record size/],
    ['a pax name with a NUL', [{ name: 'n', content: '', pax: { path: 'a\0b' } }], /pax record path/],
    ['a malformed pax record', [{ name: 'p', type: 'x', content: '99999 path=x\n' }, { name: 'n', content: '' }], /malformed/],
    ['a huge pax header', [{ name: 'p', type: 'x', content: Buffer.alloc(5_000_000, 'x') }, { name: 'n', content: '' }], /too large/],
    ['a name that is too long', [{ name: 'n', content: '', pax: { path: 'x'.repeat(300) } }], /File name too long/],
    ['an unknown type', [{ name: 'n', type: 'V', content: '' }], /entry n: entries of type 'V'/],
  ])('%s', (_, entries, error) => {
    const result = unpack(entries);
    expect(result).toMatchObject({ status: 1, error: expect.stringMatching(error) });
    expect(readdirSync(outer)).toEqual(['layer']);
    expect(existsSync(join(tmpdir(), 'out'))).toBe(false);
  });

  test('symlinks that stay inside may be gone through', () => {
    unpack([
      { name: 'run/', type: '5' }, { name: 'var/run', type: '2', target: '/run' }, { name: 'var/run/pid', content: '1' },
      { name: 'usr/lib/', type: '5' }, { name: 'lib', type: '2', target: 'usr/lib' }, { name: 'lib/so', content: '2' }, { name: '/absolute', content: '3' },
    ]);
    expect([at('run/pid'), at('usr/lib/so'), at('absolute')].map((path) => readFileSync(path, 'utf8'))).toEqual(['1', '2', '3']);
  });

  test('a symlink is replaced, never written through', () => {
    unpack([{ name: 'victim', content: 'safe' }, { name: 'l', type: '2', target: 'victim' }, { name: 'l', content: 'evil' }]);
    expect(readFileSync(at('victim'), 'utf8')).toBe('safe');
  });
});

test('a full disk is a clean error', () => {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', layer]);
  try {
    expect(unpack([{ name: 'large', content: Buffer.alloc(3_000_000, 'x') }])).toMatchObject({ status: 1, error: 'entry large: write: No space left on device' });
  } finally {
    execFileSync('umount', [layer]);
  }
});
