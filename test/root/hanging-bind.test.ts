import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findProgram } from '../../src/runtime/storage/find-program.ts';
import { build, Machine } from './harness.ts';
import { leftovers } from './leftovers.ts';

// A file system whose server never answers, as a dead NFS server's: FUSE without anybody behind it.
const FUSE = '/dev/fuse';
const foreign = findProgram('runc') !== null; // by a runtime of another maker likewise

describe.skipIf(!existsSync(FUSE))(`a bind source that hangs${existsSync(FUSE) ? '' : ` (${FUSE} is not there)`}`, () => {
  let machine: Machine;
  let hanging: string;
  let fuse: number;
  beforeEach(async () => {
    machine = new Machine();
    await machine.open();
    await machine.loadHello();
    hanging = join(machine.folder, 'hanging');
    mkdirSync(hanging);
    fuse = openSync(FUSE, 'r+');
    execFileSync(join(build, 'bayplan-core'), ['mount', '--type', 'fuse', '--source', 'hanging', '--target', hanging, '--options', 'fd=3,rootmode=40000,user_id=0,group_id=0'],
      { stdio: ['ignore', 'inherit', 'inherit', fuse] });
  });
  afterEach(async () => {
    execFileSync(join(build, 'bayplan-core'), ['umount', '--target', hanging]);
    closeSync(fuse); // whoever hangs in it is let go with an error
    await machine.dispose();
  });

  it('ends the start with an error that names it, holds up nobody else, and leaves nothing', async () => {
    const service = (volumes: string): string => `{ image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, network_mode: none, volumes: ${volumes} }`;
    const stack = `services:\n  stuck: ${service(`["${hanging}/data:/data"]`)}\n  free: ${service('[]')}\n${foreign ? `  foreign: ${service(`["${hanging}/data:/data"]`).replace('{ ', '{ runtime: runc, ')}\n` : ''}`;
    let slowest = 0;
    let before = performance.now();
    const pulse = setInterval(() => {
      slowest = Math.max(slowest, performance.now() - before);
      before = performance.now();
    }, 10);
    const outcome = await machine.up(stack);
    clearInterval(pulse);
    const said = `bind source ${hanging}/data (for /data) does not answer (15 s): is its server gone?`;
    const [stuck, other] = outcome.message.split('\n').sort().reverse();
    expect(stuck).toBe(`start-container demo-stuck-1: container demo-stuck-1 (image bayplan/hello): ${said}`);
    if (foreign) expect(other).toBe(`start-container demo-foreign-1: ${said}`);
    expect(machine.engine.container('demo-free-1').status?.phase).toBe('running');
    expect(slowest).toBeLessThan(5000); // the bind hangs for 15 s
    expect((await machine.down({ stopTimeoutSeconds: 0 })).ok).toBe(true);
    expect(leftovers(machine.paths)).toEqual([]);
  });
});
