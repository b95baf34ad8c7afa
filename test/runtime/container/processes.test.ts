import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { processesOf } from '../../../src/runtime/container/processes.ts';

const folder = mkdtempSync(join(tmpdir(), 'bayplan-processes-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the processes of a cgroup', () => {
  it('are those of the first hierarchy that has it', () => {
    const [first, second] = [join(folder, 'a'), join(folder, 'b')];
    mkdirSync(join(first, 'one'), { recursive: true }); // its list is gone already, as while the kernel removes it
    mkdirSync(join(second, 'one'), { recursive: true });
    writeFileSync(join(second, 'one/cgroup.procs'), '12\n345\n');
    expect(processesOf('one', [first, second])).toEqual([12, 345]);
  });

  it('are none where it is gone', () => {
    expect(processesOf('one', [folder])).toEqual([]);
  });
});
