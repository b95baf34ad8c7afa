import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type ExecTarget, runExec } from '../../../src/runtime/container/core-process.ts';
import { KernelError } from '../../../src/runtime/kernel.ts';
import { FakeKernel } from '../../fake-kernel.ts';
import { containerSpec } from '../../spec-values.ts';

test('a command for which there are too many open files is refused as such, and leaves neither a file nor a descriptor', async () => {
  const bundle = mkdtempSync(join(tmpdir(), 'bayplan-exec-'));
  try {
    const kernel = new FakeKernel();
    kernel.answers.socketPair = () => { throw new KernelError('socketpair', 'EMFILE', ''); };
    const target = {
      kernel, core: '/core', record: { name: 'shop-web-1', id: 'a'.repeat(64), spec: containerSpec() }, files: { bundle, cgroup: 'x' }, ready: { pid: 1, startTime: 1 }, image: { config: { environment: [] } }, seccompBpf: null, apparmor: '',
    } as unknown as ExecTarget; // what is not asked for before the descriptors are
    await expect(runExec(target, { command: ['true'], environment: [], user: '', workingDir: '', tty: false })).rejects.toMatchObject({ code: 'exec-failed', retryable: true, message: 'bayplan-core could not be started: socketpair: EMFILE' });
    expect(readdirSync(bundle)).toEqual([]);
    const opened = kernel.of('pipe').length * 2;
    expect(kernel.of('close')).toHaveLength(opened);
  } finally {
    rmSync(bundle, { recursive: true });
  }
});
