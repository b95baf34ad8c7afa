import { afterEach, beforeEach, expect, test } from 'vitest';
import type { JobAnswer, JobRun } from '../../src/state/job.ts';
import { container, record } from '../api/fake-engine.ts';
import { Console } from './console.ts';

let cli: Console;
beforeEach(async () => {
  cli = await new Console().open();
});
afterEach(() => cli.close());

const run = (number: number, more: Partial<JobRun> = {}): JobRun => ({ run: number, container: `shop-tidy-job-${number}`, slot: null, attempt: number, startedAt: 1, finishedAt: 2, exitCode: 0, error: '', ...more });
const answer = (phase: JobAnswer['phase'], ...runs: JobRun[]): JobAnswer => ({
  version: 1, service: 'tidy', job: { schedule: '@daily', timezone: '', overlap: 'skip', retries: 2, timeoutMs: 0, history: 10 }, next: null, held: false, phase, waiting: 0, runs: [...runs].reverse(),
});

/** What `jobs run` writes, and its status, where the service is seen to be so, one after the other. */
async function followed(...seen: readonly JobAnswer[]): Promise<{ code: number; out: string; err: string }> {
  const left = [...seen];
  const [first] = left;
  cli.engine.jobAnswers = first === undefined ? [] : [first];
  cli.engine.jobs = () => {
    const now = left.length > 1 ? left.shift() : left[0];
    return Promise.resolve(now === undefined ? [] : [now]);
  };
  for (const number of [1, 2, 3]) {
    const made = container(number, 'tidy', { phase: 'exited' });
    cli.engine.all.set(`shop-tidy-job-${number}`, { ...made, identity: { ...made.identity, slot: number } });
    cli.engine.records.set(`shop-tidy-job-${number}`, [record(1, 'stdout', `try ${number}\n`)]);
  }
  const code = await cli.run('-p', 'shop', 'jobs', 'run', 'tidy');
  return { code, out: cli.out, err: cli.err };
}

test('jobs run waits for the tries that come of a failure, and ends as the last one does', async () => {
  const failed = run(1, { exitCode: 4 });
  expect(await followed(answer('running', run(1, { startedAt: 0, finishedAt: 0 })), answer('running', run(1, { finishedAt: 0 })), answer('retrying', failed), answer('retrying', failed), answer('running', failed, run(2, { startedAt: 0, finishedAt: 0 })), answer('idle', failed, run(2))))
    .toEqual({ code: 0, out: 'try 1\ntry 2\n', err: 'run 1 of service "tidy" failed with 4: it is tried again, 1 of 2\n' });
  expect(await followed(answer('idle', failed, run(2, { exitCode: 5 })))).toMatchObject({ code: 5, err: '' });
});

test('it ends where no try comes any more: another run has come between, or the service is held', async () => {
  const failed = run(1, { exitCode: 4, slot: null });
  expect(await followed(answer('retrying', failed), answer('running', failed, run(2, { attempt: 1, slot: 60_000, finishedAt: 0 })))).toMatchObject({ code: 4, out: 'try 1\n' });
  expect(await followed(answer('retrying', failed), answer('idle', failed))).toMatchObject({ code: 4 });
  expect(await followed(answer('idle', run(1, { error: 'it took longer than its timeout of 1 s', exitCode: 137 })))).toMatchObject({ code: 1, err: 'bayplan: run 1 of service "tidy" failed: it took longer than its timeout of 1 s\n' });
});
