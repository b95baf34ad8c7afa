import * as z from 'zod';

/** A service that runs on a schedule: each run is a container of its own. */
export const Job = z.strictObject({
  /** A cron expression of five fields, or of six or seven with seconds first. */
  schedule: z.string(),
  /** IANA name; '': the host's. */
  timezone: z.string(),
  /** What becomes of a slot that comes while a run is under way: it is passed over, it waits for its turn, or that run is stopped for it. */
  overlap: z.enum(['skip', 'queue', 'replace']),
  /** How often a run that failed is tried again. */
  retries: z.int().nonnegative(),
  /** After so long a run is stopped, and has failed, ms; 0: never. */
  timeoutMs: z.number().nonnegative(),
  /** Ended runs that are kept, with their containers. */
  history: z.int().positive(),
});
export type Job = z.infer<typeof Job>;

/** One run, or one attempt at it. Times in ms since the epoch; 0: not yet. */
export const JobRun = z.strictObject({
  /** Counts a service's runs; its container is `project-service-job-RUN`. */
  run: z.int().positive(),
  container: z.string(),
  /** The slot of the schedule that it is for; null: somebody asked for it. */
  slot: z.number().nullable(),
  /** 1 is the first. */
  attempt: z.int().positive(),
  startedAt: z.number(),
  finishedAt: z.number(),
  exitCode: z.int(),
  /** Why it failed, where the exit code does not say: it ran too long, or could not be started. */
  error: z.string(),
});
export type JobRun = z.infer<typeof JobRun>;

/** An element of the answer of `GET /stacks/{name}/jobs`. `next`: the next slot, ms since the epoch, null: there is none. `runs`: latest first. */
export interface JobAnswer {
  readonly version: 1;
  readonly service: string;
  readonly job: Job;
  readonly next: number | null;
  /** A person has stopped the service. */
  readonly held: boolean;
  readonly phase: 'idle' | 'running' | 'stopping' | 'retrying';
  /** Slots that wait for their turn. */
  readonly waiting: number;
  readonly runs: readonly JobRun[];
}

/** Answer of `POST /stacks/{name}/jobs/{service}/run`. Null: it waits for its turn. */
export interface JobStarted { readonly version: 1; readonly run: JobRun | null }
