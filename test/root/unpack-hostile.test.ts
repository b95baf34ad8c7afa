import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGzip, type Gzip } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from './harness.ts';
import { tarBytes, type Entry } from '../runtime/image/tar-bytes.ts';

// Layers made to hurt. Nothing but `layer` may ever appear in `outer`, whatever becomes of them.
const core = process.env.BAYPLAN_TEST_CORE ?? new URL('../../build/bayplan-core', import.meta.url).pathname;
let outer = '';
let layer = '';
beforeEach(() => {
  outer = mkdtempSync(join(tmpdir(), 'bayplan-hostile-'));
  layer = join(outer, 'layer');
  mkdirSync(layer);
});
afterEach(() => {
  expect(readdirSync(outer)).toEqual(['layer']);
  rmSync(outer, { recursive: true, force: true });
});
const at = (path: string): string => join(layer, path);

interface Result { readonly status: number; readonly answer: Readonly<Record<string, unknown>>; readonly error: string; readonly peakKiB: number }

/** Feeds the core piece by piece: what a layer unpacks to is never in this process's memory. */
async function unpack(pieces: Iterable<Buffer>, filter: Gzip | null = null): Promise<Result> {
  const child = spawn(core, ['unpack', '--dest', layer], { stdio: 'pipe' });
  let out = '';
  let err = '';
  let peakKiB = 0;
  child.stdout.on('data', (chunk) => { out += String(chunk); });
  child.stderr.on('data', (chunk) => { err += String(chunk); });
  child.stdin.on('error', () => undefined); // it refuses before it has read all
  filter?.pipe(child.stdin);
  const input = filter ?? child.stdin;
  const closed = once(child, 'close');
  for (const piece of pieces) {
    if (child.exitCode !== null || child.stdin.destroyed) break;
    if (!input.write(piece)) await Promise.race([once(input, 'drain'), closed]);
    peakKiB = Math.max(peakKiB, Number(/VmHWM:\s+(\d+)/.exec(existsSync(`/proc/${child.pid ?? 0}/status`) ? readFileSync(`/proc/${child.pid ?? 0}/status`, 'utf8') : '')?.[1] ?? 0));
  }
  input.end();
  const [status] = await closed as [number];
  filter?.destroy();
  return { status, answer: status === 0 ? JSON.parse(out) as Record<string, unknown> : {}, error: err === '' ? '' : String((JSON.parse(err) as { error: unknown }).error), peakKiB };
}
const unpackEntries = (...entries: readonly Entry[]): Promise<Result> => unpack([tarBytes(entries)]);

/** A thousand folders of a thousand empty files: one folder's headers, with the next number in their names and sums. */
function* thousandFolders(): Generator<Buffer> {
  const first = Buffer.concat(Array.from({ length: 1000 }, (_, i) => tarBytes([{ name: `folder-000/${i}`, content: '' }], { end: false })));
  for (let folder = 0; folder < 1000; folder++) {
    const number = String(folder).padStart(3, '0');
    const more = [...number].reduce((sum, digit) => sum + Number(digit), 0);
    const headers = Buffer.from(first);
    for (let at = 0; at < headers.length; at += 512) {
      headers.write(number, at + 'folder-'.length);
      headers.write((Number.parseInt(first.toString('latin1', at + 148, at + 154), 8) + more).toString(8).padStart(6, '0'), at + 148);
    }
    yield headers;
  }
}

/** A file system of its own for the layer, so that nothing can be filled but that. */
async function onDisk(options: string, work: () => Promise<void>): Promise<void> {
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', layer]);
  try {
    await work();
  } finally {
    await eventually(() => execFileSync('umount', [layer]));
  }
}

describe('entries that take another\'s place', () => {
  test('a device where a folder was is a device, and nothing goes through it', async () => {
    expect(await unpackEntries({ name: 'd/in/deep', content: 'x' }, { name: 'd', type: '3', device: [1, 3] })).toMatchObject({ status: 0 });
    expect(lstatSync(at('d')).isCharacterDevice()).toBe(true);
    expect((await unpackEntries({ name: 'd/over', content: 'x' })).error).toMatch(/entry d\/over: what is above it is not a folder/);
  });

  test('each kind in place of each other', async () => {
    const kinds: readonly Entry[] = [{ name: 'x', content: 'file' }, { name: 'x', type: '5' }, { name: 'x', type: '2', target: '/etc' }, { name: 'x', type: '3', device: [1, 3] }, { name: 'x', type: '6' }, { name: 'x', type: '1', target: 'other' }];
    for (const first of kinds) {
      for (const second of kinds) {
        expect(await unpackEntries({ name: 'other', content: 'safe' }, first, second)).toMatchObject({ status: 0 });
        expect(readFileSync(at('other'), 'utf8')).toBe('safe');
        rmSync(at('x'), { recursive: true, force: true });
      }
    }
  });

  test('the same name a thousand times is the last one', async () => {
    expect(await unpackEntries(...Array.from({ length: 1000 }, (_, i): Entry => ({ name: 'same', content: String(i) })))).toMatchObject({ status: 0, answer: { entries: 1000 } });
    expect(readFileSync(at('same'), 'utf8')).toBe('999');
    expect(readdirSync(layer)).toEqual(['same']);
  });
});

describe('what errors quote', () => {
  test.each([['letters of many bytes', '../größe-€-🚢', 'größe-€-🚢'], ['a name that is cut', `../${'a'.repeat(300)}`, 'aa…: ']])('%s', async (_, name, quoted) => {
    expect((await unpackEntries({ name: 'x', content: '', pax: { path: name } })).error).toContain(quoted);
  });
});

describe('whiteouts', () => {
  test.each(['.wh.', '.wh..', '.wh...', './.wh.', '/.wh..', 'a/.wh.'])('one of the root or of nothing, %s, is refused', async (name) => {
    expect((await unpackEntries({ name, content: '' })).error).toMatch(/a whiteout without a name/);
  });
  test('one through a symlink that leads out is refused', async () => {
    expect((await unpackEntries({ name: 'l', type: '2', target: '..' }, { name: 'l/.wh.layer', content: '' })).error).toMatch(/out of the layer/);
  });
});

describe('chains of links', () => {
  test('of forty symlinks inside end where they lead, or in an error, never outside', async () => {
    const chain = Array.from({ length: 60 }, (_, i): Entry => ({ name: `l${i}`, type: '2', target: i === 0 ? 'end' : `l${i - 1}` }));
    expect(await unpackEntries({ name: 'end/', type: '5' }, ...chain, { name: 'l30/in', content: 'x' })).toMatchObject({ status: 0 });
    expect(readFileSync(at('end/in'), 'utf8')).toBe('x');
    expect((await unpackEntries({ name: 'l59/in', content: 'x' })).status).toBe(1);
  });
  test('in a circle are an error', async () => {
    expect((await unpackEntries({ name: 'a', type: '2', target: 'b' }, { name: 'b', type: '2', target: 'a' }, { name: 'a/in', content: 'x' })).status).toBe(1);
  });
  test('of hard links to a symlink that leads out: the link is copied, never followed', async () => {
    expect(await unpackEntries({ name: 's', type: '2', target: '/etc' }, { name: 'h1', type: '1', target: 's' }, { name: 'h2', type: '1', target: 'h1' }, { name: 'h2', content: 'own' })).toMatchObject({ status: 0 });
    expect([readlinkSync(at('h1')), readFileSync(at('h2'), 'utf8')]).toEqual(['/etc', 'own']);
    expect((await unpackEntries({ name: 'h1/passwd', content: 'x' })).error).toMatch(/out of the layer/);
  });
});

describe('bombs', () => {
  const TEN_MIB = Buffer.alloc(10 << 20);
  /** A header that announces `size` bytes. */
  const announcing = (size: number): Buffer => tarBytes([{ name: 'bomb', content: '', sizeField: Buffer.from(`${size.toString(8).padStart(11, '0')}\0`) }], { end: false });

  test('a file larger than the disk is refused before any of it is written', async () => {
    await onDisk('size=16m', async () => {
      const result = await unpack([announcing(6 * 2 ** 30), TEN_MIB], createGzip());
      expect(result).toMatchObject({ status: 1, error: 'entry bomb: write: No space left on device' });
      expect(readdirSync(layer)).toEqual([]);
    });
  });

  test('many files that fill the disk are a clean error', async () => {
    await onDisk('size=16m', async () => {
      expect((await unpack(Array.from({ length: 30 }, (_, i) => tarBytes([{ name: `f${i}`, content: Buffer.alloc(900_000) }], { end: false })), createGzip())).error).toMatch(/No space left on device/);
    });
  });

  test('nothing goes on after the end of the archive, or in records that nobody reads', async () => {
    const endless = function* (head: Buffer): Generator<Buffer> {
      yield head;
      for (let i = 0; i < 1000; i++) yield TEN_MIB;
    };
    expect((await unpack(endless(tarBytes([{ name: 'f', content: 'x' }])), createGzip({ level: 1 }))).error).toBe('more than 64 MiB follow the end of the layer\'s tar archive');
    expect((await unpack(endless(tarBytes([{ name: 'g', type: 'g', content: '', sizeField: Buffer.from('77777777777\0') }], { end: false })), createGzip({ level: 1 }))).error).toMatch(/extended tar header of \d+ bytes is too large/);
  });

  test('a million entries take minutes at most, and no memory', { timeout: 300_000 }, async () => {
    await onDisk('size=64m,nr_inodes=1100000', async () => {
      const result = await unpack(thousandFolders());
      expect(result).toMatchObject({ status: 0, answer: { entries: 1_000_000 } });
      expect(result.peakKiB).toBeGreaterThan(0);
      expect(result.peakKiB).toBeLessThan(32 * 1024);
      expect(readdirSync(at('folder-999'))).toHaveLength(1000);
    });
  });
});
