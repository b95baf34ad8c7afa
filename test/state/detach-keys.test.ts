import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { DetachFilter, parseDetachKeys } from '../../src/state/detach-keys.ts';

describe('detach keys', () => {
  test('are read as docker reads them', () => {
    expect([...parseDetachKeys('ctrl-p,ctrl-q')]).toEqual([16, 17]);
    expect([...parseDetachKeys('a,ctrl-[,ctrl-@')]).toEqual([97, 27, 0]);
    expect(() => parseDetachKeys('ctrl-1')).toThrow('invalid detach keys (ctrl-1): expected letters or ctrl-LETTER');
  });

  async function typed(...chunks: readonly string[]): Promise<{ passed: string; detached: boolean }> {
    let passed = '';
    let detached = false;
    const from = new PassThrough();
    const filter = from.pipe(new DetachFilter(parseDetachKeys('ctrl-p,ctrl-q'), () => { detached = true; }));
    filter.on('data', (data: Buffer) => { passed += data.toString(); });
    for (const chunk of chunks) {
      from.write(chunk);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { passed, detached };
  }

  test('are kept back until the row is whole, and given where it is not', async () => {
    expect(await typed('ls\x10', '\x11rm')).toEqual({ passed: 'ls', detached: true });
    expect(await typed('\x10', 'a')).toEqual({ passed: '\x10a', detached: false });
    expect(await typed('\x10\x10\x11')).toEqual({ passed: '\x10', detached: true });
  });

  test('that are half typed at the end of input are passed on', async () => {
    const filter = new DetachFilter(parseDetachKeys('ctrl-p,ctrl-q'), () => undefined);
    filter.end('ls\x10');
    expect(Buffer.concat(await filter.toArray()).toString()).toBe('ls\x10');
  });
});
