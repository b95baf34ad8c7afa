import type { EngineClient } from '../client/engine-client.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { JobAnswer, JobRun } from '../state/job.ts';
import type { Cli } from './cli.ts';
import { clientOf } from './client-of.ts';
import { LogPrinter } from './log-printer.ts';
import { addFormat, addStackOptions, revisionNumber, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';
import { stackNameOf } from './stack-name.ts';
import { table } from './table.ts';

interface JobsOptions extends StackOptions { readonly format?: 'json' | 'table'; readonly detach?: boolean; readonly follow?: boolean; readonly timestamps?: boolean }
type Invoked = { optsWithGlobals<T>(): T };

export const addJobs: AddCommand = (program, cli, ends) => {
  const jobs = addFormat(addStackOptions(program.command('jobs').description('list what runs on a schedule, when it runs next, and how its last runs ended')))
    .action(ends(async (_own: JobsOptions, command: Invoked) => {
      const options = command.optsWithGlobals<JobsOptions>();
      const all = await clientOf(options, cli).jobs(await stackNameOf(options, cli));
      cli.stdout.write(options.format === 'json' ? `${JSON.stringify(all)}\n` : table(['SERVICE', 'SCHEDULE', 'NEXT', 'STATE', 'LAST RUN', 'RUN', 'EXIT'], all.map(row)));
      return 0;
    }));
  jobs.command('run').description('run a service of a schedule now, show what it writes, and exit with its status').argument('<service>').option('-d, --detach', 'leave it running in the background')
    .action(ends(async (service: string, _own: JobsOptions, command: Invoked) => {
      const options = command.optsWithGlobals<JobsOptions>();
      const stack = await stackNameOf(options, cli);
      const client = clientOf(options, cli);
      const run = await client.runJob(stack, service);
      if (run === null) cli.stdout.write('it waits for its turn, after the run that is under way\n');
      else if (options.detach === true) cli.stdout.write(`${run.container}\n`);
      else return await followed(stack, service, run, client, cli);
      return 0;
    }));
  jobs.command('logs').description('show what a run wrote').argument('<service>').argument('[run]', 'its number (default: the last one)', revisionNumber).option('-f, --follow', 'go on with what it writes').option('-t, --timestamps', 'show when each line was written')
    .action(ends(async (service: string, number: number | undefined, _own: JobsOptions, command: Invoked) => {
      const options = command.optsWithGlobals<JobsOptions>();
      const stack = await stackNameOf(options, cli);
      const client = clientOf(options, cli);
      const { runs } = find(await client.jobs(stack), service);
      const run = number === undefined ? runs[0] : runs.find((each) => each.run === number);
      if (run === undefined) throw new BayplanError('not-found', runs.length === 0 ? `service "${service}" has not run yet` : `service "${service}" has no run ${number}; kept are ${runs.map((each) => each.run).join(', ')}`);
      await showLogs(stack, service, run, { follow: options.follow === true, timestamps: options.timestamps === true }, client, cli);
      return 0;
    }));
};

function find(all: readonly JobAnswer[], service: string): JobAnswer {
  const found = all.find((each) => each.service === service);
  if (found === undefined) throw new BayplanError('no-service', `service "${service}" has no schedule; those that have one: ${all.map((each) => each.service).join(', ') || 'none'}`);
  return found;
}

/** Shows a run until its end, and each that is made because it failed. Answers the exit status of the last one. */
async function followed(stack: string, service: string, first: JobRun, client: EngineClient, cli: Cli): Promise<number> {
  for (let run = first; ;) {
    const { startedAt } = await looked(stack, service, client, ({ runs }) => ofRun(runs, service, run, ({ startedAt, finishedAt }) => startedAt !== 0 || finishedAt !== 0)); // its container is being made
    if (startedAt !== 0) await showLogs(stack, service, run, { follow: true, timestamps: false }, client, cli);
    const { exitCode, error } = await looked(stack, service, client, ({ runs }) => ofRun(runs, service, run, ({ finishedAt }) => finishedAt !== 0));
    const failed = `run ${run.run} of service "${service}" failed${error === '' ? ` with ${exitCode}` : `: ${error}`}`;
    let told = false;
    const next = await looked(stack, service, client, ({ job, phase, runs }) => {
      const again = runs.find((each) => each.run > run.run && each.slot === run.slot && each.attempt === run.attempt + 1);
      if (again !== undefined || phase !== 'retrying') return again ?? 'none';
      if (!told) cli.stderr.write(`${failed}: it is tried again, ${run.attempt} of ${job.retries}\n`);
      told = true;
      return null;
    });
    if (next !== 'none') run = next;
    else if (error !== '') throw new BayplanError('job-failed', failed);
    else return exitCode;
  }
}

const LOOK_MS = 50;

/** Looks at a service's runs until that answers something. */
async function looked<T>(stack: string, service: string, client: EngineClient, look: (job: JobAnswer) => T | null): Promise<T> {
  for (;;) {
    const found = look(find(await client.jobs(stack), service));
    if (found !== null) return found;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** The run, once it is so. */
function ofRun(runs: readonly JobRun[], service: string, { run }: JobRun, is: (run: JobRun) => boolean): JobRun | null {
  const now = runs.find((each) => each.run === run);
  if (now === undefined) throw new BayplanError('not-found', `run ${run} of service "${service}" is gone`);
  return is(now) ? now : null;
}

async function showLogs(stack: string, service: string, { run, container }: JobRun, how: { readonly follow: boolean; readonly timestamps: boolean }, client: EngineClient, cli: Cli): Promise<void> {
  const output = new LogPrinter(stack, { colour: false, prefix: false, timestamps: how.timestamps });
  output.expect([container]);
  for await (const line of client.stackLogs(stack, { services: [service], follow: how.follow, end: true, tail: 'all', index: String(run) })) {
    if (line.container !== container) continue;
    if (!cli.stdout.write(output.line(line))) await new Promise<void>((resolve) => cli.stdout.once('drain', resolve));
  }
}

function row({ service, job, next, held, phase, waiting, runs: [last] }: JobAnswer): readonly string[] {
  const state = `${held && phase === 'idle' ? 'held' : phase}${waiting === 0 ? '' : `, ${waiting} waiting`}`;
  const schedule = job.timezone === '' ? job.schedule : `${job.schedule} (${job.timezone})`;
  if (last === undefined) return [service, schedule, timeText(next), state, '', '', ''];
  return [service, schedule, timeText(next), state, timeText(last.startedAt === 0 ? null : last.startedAt), `${last.run}${last.slot === null ? ' (by hand)' : last.attempt > 1 ? ` (attempt ${last.attempt})` : ''}`, last.finishedAt === 0 ? '' : `${last.exitCode}${last.error === '' ? '' : ` (${last.error})`}`];
}

function timeText(time: number | null): string {
  return time === null ? '' : new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');
}
