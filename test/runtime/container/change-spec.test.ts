import { expect, test } from 'vitest';
import { filesOf } from '../../../src/runtime/container/bundle-files.ts';
import { changeSpec } from '../../../src/runtime/container/change-spec.ts';
import { newEntry, type ContainerEntry } from '../../../src/runtime/container/container-entry.ts';
import { CONTAINER_RECORD_VERSION, type ContainerRecord } from '../../../src/runtime/container/record.ts';
import { BayplanError } from '../../../src/state/bayplan-error.ts';
import type { Grant } from '../../../src/state/container.ts';
import { pathsOf } from '../../../src/state/paths.ts';
import { specOf } from './container-spec.ts';

const grant = (digest: string): Grant => ({ name: 'demo_rules', digest, target: '/rules', uid: 0, gid: 0, mode: 0o444, onChange: null });
const record: ContainerRecord = {
  version: CONTAINER_RECORD_VERSION, storage: 'overlay', runtime: 'bayplan', id: 'a'.repeat(64), name: 'web', identity: { owner: 'api', stack: '', service: '', slot: 0, generation: 1 }, spec: specOf({ contents: [grant('1')] }), pending: null,
  createdAt: 0, addresses: {}, ipv6Addresses: {}, joined: [], anonymousVolumes: {}, mountedImages: {}, users: null, giving: null, error: '', errorCode: 0,
};

/** A container without a process that could be swapped anything in; the record as it is afterwards, and who was told. */
async function changed(tellings: readonly ((times: number) => string)[]): Promise<{ readonly told: readonly number[]; readonly pending: unknown; readonly message: string; readonly code: string }> {
  const entry: ContainerEntry = { ...newEntry(record, filesOf(pathsOf('/tmp/none'), record.id)), phase: 'running' };
  const told: number[] = [];
  const failed = await changeSpec(entry, specOf({ contents: [grant('2')] }), {
    core: '', contents: '', update: (change) => { entry.record = { ...entry.record, ...change }; },
    tellings: () => tellings.map((answer, index) => () => {
      told.push(index);
      const failure = answer(told.filter((each) => each === index).length);
      return failure === '' ? Promise.resolve() : Promise.reject(new BayplanError('hook-failed', failure));
    }),
  }).then(() => new BayplanError('', ''), (error: unknown) => error);
  if (!(failed instanceof BayplanError)) throw failed;
  return { told, pending: entry.record.pending, message: failed.message, code: failed.code };
}

test('who was told of contents that are put back is told again, and where that fails it is said with the reason', async () => {
  expect(await changed([() => '', () => ''])).toEqual({ told: [0, 1], pending: null, message: '', code: '' });
  expect(await changed([() => '', () => 'it cannot use it'])).toEqual({ told: [0, 1, 0], pending: null, message: 'it cannot use it', code: 'hook-failed' });
  expect(await changed([(times) => (times === 1 ? '' : 'it has ended'), () => 'it cannot use it'])).toEqual({
    told: [0, 1, 0], pending: null, code: 'hook-failed', message: 'it cannot use it; who has read what was refused could not be told: it has ended',
  });
});
