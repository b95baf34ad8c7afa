import { mkdtempSync, renameSync, rmSync, writeFileSync, appendFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseRecords, readLog, tailOf } from '../../../src/runtime/container/log-reader.ts';

function record(text: string, stream = 1, goesOn = false): Buffer {
  const head = Buffer.alloc(16);
  head.writeBigUInt64LE(1_700_000_000_000_000_000n, 0);
  head[8] = stream;
  head[9] = Number(goesOn);
  head.writeUInt32LE(Buffer.byteLength(text), 12);
  return Buffer.concat([head, Buffer.from(text)]);
}

describe('parseRecords', () => {
  it('reads whole records and keeps what is not yet whole', () => {
    const bytes = Buffer.concat([record('a\n'), record('b\n', 2), record('cut').subarray(0, 17)]);
    const { records, rest } = parseRecords(bytes);
    expect(records.map((r) => [r.stream, r.data.toString()])).toEqual([['stdout', 'a\n'], ['stderr', 'b\n']]);
    expect(rest.length).toBe(17);
  });
});

describe('tailOf', () => {
  const lines = (texts: string[], count: number): string =>
    tailOf(parseRecords(Buffer.concat(texts.map((text) => record(text)))).records, count).map((r) => r.data.toString()).join('');
  it.each([
    [['a\nb\nc\n'], 2, 'b\nc\n'],
    [['a\n', 'b\n', 'c\n'], 2, 'b\nc\n'],
    [['a\nb', 'b\nc'], 2, 'bb\nc'],
    [['a\nb\n'], 5, 'a\nb\n'],
    [['a\nb\n'], 0, ''],
    [['\n\n\n'], 2, '\n\n'],
  ])('%j, %i lines', (texts, count, expected) => expect(lines(texts, count)).toBe(expected));
});

describe('readLog', () => {
  let folder = '';
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'bayplan-log-')); });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('what was written is shown to its end also where the container is being removed meanwhile', async () => {
    const file = join(folder, 'log');
    writeFileSync(file, Buffer.concat([record('a\n'), record('b\n')]));
    const shown: string[] = [];
    for await (const { data } of readLog(file, { tail: 1, follow: true, signal: new AbortController().signal, ended: () => shown.length > 0 })) {
      shown.push(data.toString());
      rmSync(folder, { recursive: true, force: true }); // before its folder is watched
    }
    expect(shown).toEqual(['b\n']);
  });

  async function text(options: { tail: number | null; follow: boolean; ended: () => boolean }): Promise<string> {
    let out = '';
    for await (const r of readLog(join(folder, 'log'), { ...options, signal: new AbortController().signal })) out += r.data.toString();
    return out;
  }

  it('reads rotated generations oldest first, and a tail across them', async () => {
    writeFileSync(join(folder, 'log.2'), record('one\n'));
    writeFileSync(join(folder, 'log.1'), record('two\n'));
    writeFileSync(join(folder, 'log'), record('three\n'));
    expect(await text({ tail: null, follow: false, ended: () => true })).toBe('one\ntwo\nthree\n');
    expect(await text({ tail: 2, follow: false, ended: () => true })).toBe('two\nthree\n');
  });

  it('follows over several rotations until the container has ended', async () => {
    const file = join(folder, 'log');
    let ended = false;
    writeFileSync(file, record('a\n'));
    const reading = text({ tail: null, follow: true, ended: () => ended });
    await new Promise((resolve) => setTimeout(resolve, 50));
    appendFileSync(file, record('b\n'));
    renameSync(file, `${file}.1`);
    writeFileSync(file, record('c\n'));
    renameSync(`${file}.1`, `${file}.2`);
    renameSync(file, `${file}.1`);
    writeFileSync(file, record('d\n'));
    ended = true;
    expect(await reading).toBe('a\nb\nc\nd\n');
  });

  it('leaves out the rest of a line whose beginning was rotated away, of each stream', async () => {
    const file = join(folder, 'log');
    const text = async (tail: number | null): Promise<string> => {
      const parts: string[] = [];
      for await (const { data } of readLog(file, { tail, follow: false, signal: new AbortController().signal, ended: () => true })) parts.push(data.toString());
      return parts.join('');
    };
    writeFileSync(`${file}.1`, Buffer.concat([record('rest', 1, true), record(' of it\nwho', 1, true), record('le\n', 1, true), record('err', 2, true)]));
    writeFileSync(file, Buffer.concat([record('or\n', 2, true), record('next\n', 2)]));
    expect(await text(null)).toBe('whole\nnext\n');
    expect(await text(9)).toBe('whole\nnext\n');
    writeFileSync(file, record('x'.repeat(70_000), 2, true));
    expect((await text(null)).length).toBe('whole\n'.length + 70_000);
  });
});
