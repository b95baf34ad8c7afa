import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { eventually, Machine } from './harness.ts';

it('output that a full disk cannot take is counted, and told of in the log, by inspect and by the event of the end', async () => {
  const disk = mkdtempSync(join(tmpdir(), 'bayplan-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'none', disk]);
  const machine = new Machine(join(disk, 'root'));
  try {
    await machine.open();
    await machine.loadHello();
    expect(await machine.up('services:\n  one: { image: bayplan/hello, tmpfs: [/in], command: [sh, -c, "echo before; for n in 1 2 3; do until test -e /in/$$n; do usleep 5000; done; echo part $$n; touch /in/did-$$n; done"] }\n')).toMatchObject({ ok: true });
    const go = async (n: number): Promise<void> => {
      await machine.exec('demo-one-1', 'touch', `/in/${n}`);
      await eventually(async () => expect((await machine.exec('demo-one-1', 'test', '-e', `/in/did-${n}`)).code).toBe(0));
    };
    await eventually(async () => expect(await machine.output('demo-one-1')).toBe('before\n'));
    const full = join(disk, 'full');
    execFileSync('sh', ['-c', `dd if=/dev/zero of=${full} bs=1M 2>/dev/null; true`]);
    execFileSync('sh', ['-c', `dd if=/dev/zero of=${full}.rest bs=4k 2>/dev/null; true`]);
    await machine.exec('demo-one-1', 'sh', '-c', 'head -c 4096 /dev/zero | tr "\\\\0" x > /proc/1/fd/1');
    await go(1);
    await go(2);
    rmSync(full);
    rmSync(`${full}.rest`);
    await machine.exec('demo-one-1', 'touch', '/in/3');
    await eventually(() => expect(machine.engine.container('demo-one-1').status?.phase).toBe('exited'));
    // What is small found room again in the log's last page.
    expect(await machine.output('demo-one-1')).toBe('before\nbayplan: 4096 bytes of output were lost here: No space left on device\npart 1\npart 2\npart 3\n');
    expect(machine.engine.container('demo-one-1').status?.outputLost).toBe(4096);
    expect(machine.engine.events.past().find(({ action }) => action === 'die')?.attributes).toMatchObject({ exitCode: '0', outputLost: '4096' });
  } finally {
    await machine.dispose();
    execFileSync('umount', [disk]);
    rmdirSync(disk);
  }
}, 60_000);
