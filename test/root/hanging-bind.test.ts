import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findProgram } from '../../src/runtime/storage/find-program.ts';
import { build, Machine, type Outcome } from './harness.ts';
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
    hanging = join(machine.folder, 'share/hanging');
    mkdirSync(hanging, { recursive: true });
    fuse = openSync(FUSE, 'r+');
    execFileSync(join(build, 'bayplan-core'), ['mount', '--type', 'fuse', '--source', 'hanging', '--target', hanging, '--options', 'fd=3,rootmode=40000,user_id=0,group_id=0'],
      { stdio: ['ignore', 'inherit', 'inherit', fuse] });
  });
  afterEach(async () => {
    execFileSync(join(build, 'bayplan-core'), ['umount', '--target', hanging]);
    closeSync(fuse); // whoever hangs in it is let go with an error
    await machine.dispose();
  });

  /** Replaces a config where a link inside has led its path to the file system that hangs. */
  async function replaceBelow(): Promise<Outcome> {
    const stack = (content: string): string => `services:\n  led: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, network_mode: none, volumes: ["${join(hanging, '..')}:/outside"], configs: [{ source: rules, target: /conf/rules, x-bayplan: { on_change: { signal: SIGCONT } } }] }\nconfigs: { rules: { content: ${content} } }\n`;
    expect(await machine.up(stack('one'), { name: 'led' })).toMatchObject({ ok: true });
    expect(await machine.exec('led-led-1', 'sh', '-c', 'mv /conf /former && ln -s /outside/hanging /conf')).toEqual({ code: 0, output: '' });
    return await machine.up(stack('two'), { name: 'led' });
  }

  it('ends the start, and the replacing of a config below it, with an error that names it, holds up nobody else, and leaves nothing', async () => {
    const service = (volumes: string): string => `{ image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, network_mode: none, volumes: ${volumes} }`;
    const stack = `services:\n  stuck: ${service(`["${hanging}/data:/data"]`)}\n  free: ${service('[]')}\n${foreign ? `  foreign: ${service(`["${hanging}/data:/data"]`).replace('{ ', '{ runtime: runc, ')}\n` : ''}`;
    let slowest = 0;
    let before = performance.now();
    const pulse = setInterval(() => {
      slowest = Math.max(slowest, performance.now() - before);
      before = performance.now();
    }, 10);
    const [outcome, replaced] = await Promise.all([machine.up(stack), replaceBelow()]); // at the same time, for each hangs for 15 s
    clearInterval(pulse);
    const said = `bind source ${hanging}/data (for /data) does not answer (15 s): is its server gone?`;
    const [stuck, other] = outcome.message.split('\n').sort().reverse();
    expect(stuck).toBe(`start-container demo-stuck-1: container demo-stuck-1 (image bayplan/hello): ${said}`);
    if (foreign) expect(other).toBe(`start-container demo-foreign-1: ${said}`);
    expect(machine.engine.container('demo-free-1').status?.phase).toBe('running');
    expect(replaced).toMatchObject({ ok: false, message: expect.stringContaining('led_rules could not be replaced: /conf/rules does not answer (15 s)') });
    expect(await machine.exec('led-led-1', 'cat', '/former/rules')).toEqual({ code: 0, output: 'one' });
    expect(await machine.down({ name: 'led', stopTimeoutSeconds: 0 })).toMatchObject({ ok: true });
    expect(slowest).toBeLessThan(5000); // the bind hangs for 15 s
    expect((await machine.down({ stopTimeoutSeconds: 0 })).ok).toBe(true);
    expect(leftovers(machine.paths)).toEqual([]);
  });
});
