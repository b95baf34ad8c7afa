import * as z from 'zod';
import { JobRun } from '../state/job.ts';
import { JobState } from './job-machine.ts';

export const JOB_RECORD_VERSION = 1;

const Jobs = z.strictObject({
  state: JobState,
  /** The last slot that was taken, or when the schedule began to count, ms since the epoch: what comes after it is to come. */
  slot: z.number(),
  /** The schedule that `slot` is of. */
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
