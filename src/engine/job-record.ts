import * as z from 'zod';
import { type Job, JobRun } from '../state/job.ts';
import { IDLE, JobState } from './job-machine.ts';

export const JOB_RECORD_VERSION = 1;

const Jobs = z.strictObject({
  state: JobState,
  /** The last slot that was taken, or when the schedule began to count, ms since the epoch: what comes after it is to come. */
  slot: z.number(),
  /** The schedule that `slot` is of; '': its service is not desired, or has none, now. */
  schedule: z.string(),
  timezone: z.string(),
  /** The number of the last run. */
  last: z.int().nonnegative(),
  /** Oldest first. */
  runs: z.array(JobRun),
});
export type JobNotes = z.infer<typeof Jobs>;

/** What is known of the runs of a stack's services, by service: `stacks/<name>/jobs.json`. A slot is written down here before its run begins, so that it never comes twice. */
export const JobRecord = z.strictObject({ version: z.literal(JOB_RECORD_VERSION), services: z.record(z.string(), Jobs) });
export type JobRecord = z.infer<typeof JobRecord>;

/** A slot further ahead of the clock than this was taken by a clock that was ahead; one less far, before a clock was put right by a little, and does not come twice. */
const AHEAD_MS = 60_000;

/**
 * What holds of a service with a schedule: it counts from when it was accepted (`at`), has changed or come back, and never from what lies in the future. Times in ms since the epoch. Answers
 * `known` itself where that holds.
 */
export function currentNotes(known: JobNotes | null, { schedule, timezone }: Job, at: number, now: number): JobNotes {
  if (known?.schedule === schedule && known.timezone === timezone) return known.slot > now + AHEAD_MS ? { ...known, slot: now } : known;
  return { state: known?.state ?? IDLE, slot: Math.min(Math.max(at, known?.slot ?? 0), now), schedule, timezone, last: known?.last ?? 0, runs: known?.runs ?? [] };
}

/** Of a service that is not desired any more: what waits does not come, a run that is under way has its end. */
export function notesOfGone(known: JobNotes): JobNotes {
  return { ...known, schedule: '', timezone: '', state: known.state.phase === 'retrying' ? IDLE : { ...known.state, waiting: [] } };
}

/** With a run as it is now. */
export function withRun(notes: JobNotes, run: JobRun | null): JobNotes {
  return run === null ? notes : { ...notes, runs: notes.runs.map((each) => (each.run === run.run ? run : each)) };
}
