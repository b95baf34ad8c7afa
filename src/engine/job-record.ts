import * as z from 'zod';
import { type Job, JobRun } from '../state/job.ts';
import { readingEarlier } from '../runtime/record.ts';
import { IDLE, JobState } from './job-machine.ts';

/** 2: since when each slot was taken, which run was about to start. 3: held. */
export const JOB_RECORD_VERSION = 3;

const Jobs = z.strictObject({
  state: JobState,
  /** The last slot that was taken, or when the schedule began to count, ms since the epoch: what comes after it is to come. */
  slot: z.number(),
  /** From this slot on each one up to `slot` was taken as it came; null: not known. */
  since: z.number().nullable().default(null),
  /** The schedule that `slot` is of; '': its service is not desired, or has none, now. */
  schedule: z.string(),
  timezone: z.string(),
  /** A person has stopped the service: no slot comes until it is started or brought up. */
  held: z.boolean().default(false),
  /** The number of the last run. */
  last: z.int().nonnegative(),
  /** The run that was last about to start: a power cut may leave no other trace of it. 0: none. */
  begun: z.int().nonnegative().default(0),
  /** Oldest first. */
  runs: z.array(JobRun),
});
export type JobNotes = z.infer<typeof Jobs>;

/** What is known of the runs of a stack's services, by service: `stacks/<name>/jobs.json`. A slot is written down here before its run begins, so that it never comes twice. */
const Current = z.strictObject({ version: z.literal(JOB_RECORD_VERSION), services: z.record(z.string(), Jobs) });
export type JobRecord = z.infer<typeof Current>;
export const JobRecord: z.ZodType<JobRecord> = readingEarlier(Current, JOB_RECORD_VERSION);

/** A clock that is put right by a little. */
const LITTLE_MS = 60_000;
/** Of a clock that is set back by more than this it is not known whether it was right before or is now. */
const DAY_MS = 86_400_000;

/**
 * What holds of a service with a schedule: it counts from when it was accepted (`at`), has changed or come back. Times in ms since the epoch. Answers `known` itself where that holds. No slot comes twice where
 * the clock was set back:
 *
 * | the last slot is ahead of the clock, | it counts from                                          |
 * |--------------------------------------|---------------------------------------------------------|
 * | by a minute at most                  | that slot                                               |
 * | by a day at most                     | that slot, where each one since the time it is now was taken as it came; else the clock was ahead: now |
 * | by more                              | now                                                     |
 */
export function currentNotes(known: JobNotes | null, { schedule, timezone }: Job, at: number, now: number): JobNotes {
  if (known?.schedule === schedule && known.timezone === timezone) {
    const ahead = known.slot - now;
    const taken = ahead <= LITTLE_MS || (ahead <= DAY_MS && known.since !== null && known.since <= now);
    return taken ? known : { ...known, slot: now, since: null };
  }
  return { state: known?.state ?? IDLE, slot: Math.min(Math.max(at, known?.slot ?? 0), now), since: null, schedule, timezone, held: known?.held ?? false, last: known?.last ?? 0, begun: known?.begun ?? 0, runs: known?.runs ?? [] };
}

/** From when each slot was taken as it came, once `slot` is; `next` is the one that follows the last one. */
export function takenSince({ slot: last, since }: Pick<JobNotes, 'slot' | 'since'>, slot: number, next: number | null): number {
  return slot === next ? since ?? Math.min(last, slot) : slot;
}

/** Of a service that is not desired any more: what waits does not come, a run that is under way has its end. */
export function notesOfGone(known: JobNotes): JobNotes {
  return { ...known, schedule: '', timezone: '', held: false, state: known.state.phase === 'retrying' ? IDLE : { ...known.state, waiting: [] } };
}

/** With a run as it is now. */
export function withRun(notes: JobNotes, run: JobRun | null): JobNotes {
  return run === null ? notes : { ...notes, runs: notes.runs.map((each) => (each.run === run.run ? run : each)) };
}
