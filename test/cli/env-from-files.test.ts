import { PassThrough, Readable } from 'node:stream';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Cli } from '../../src/cli/cli.ts';
import { envFromFiles } from '../../src/cli/env-from-files.ts';

test('later files win, names without a value are the user\'s own, and mistakes are told by their place', () => {
  const cwd = mkdtempSync(join(tmpdir(), 'bayplan-env-'));
  let err = '';
  const unused = (): never => { throw new Error('not part of this test'); };
  const cli: Cli = {
    cwd, env: { OWN: 'mine' }, version: '1', program: [], stdin: Readable.from([]), stdout: new PassThrough(), stderr: new PassThrough().on('data', (chunk) => { err += String(chunk); }),
    socketOf: unused, onInterrupt: unused, rawTerminal: unused, runEngine: unused,
  };
  try {
    writeFileSync(join(cwd, 'a.env'), 'A=1\nB="two words" # said\nOWN\nABSENT\n');
    writeFileSync(join(cwd, 'b.env'), 'A=3\nC=${B}!\n');
    writeFileSync(join(cwd, 'bad.env'), 'A=1\nB="open\n');
    expect(envFromFiles(['a.env', 'b.env'], cli)).toEqual({ A: '3', B: 'two words', OWN: 'mine', C: 'two words!' });
    expect(() => envFromFiles(['none.env'], cli)).toThrow(`there is no env file ${cwd}/none.env`);
    expect(() => envFromFiles(['bad.env'], cli)).toThrow('1 mistake');
    expect(err).toContain(`${cwd}/bad.env:2:`);
  } finally {
    rmSync(cwd, { recursive: true });
  }
});
