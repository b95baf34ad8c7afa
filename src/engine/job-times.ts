import { Cron } from 'croner';
import type { Job } from '../state/job.ts';

type Schedule = Pick<Job, 'schedule' | 'timezone'>;

/** Why a schedule cannot be kept; null: it can. */
export function scheduleProblem({ schedule, timezone }: Schedule): string | null {
  try {
    new Cron(schedule, { paused: true, ...(timezone === '' ? {} : { timezone }) }).nextRun();
    return null;
  } catch (error) {
    return `schedule "${schedule}"${timezone === '' ? '' : ` in timezone "${timezone}"`}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** The first slot after `after`, ms since the epoch; null: there is none, or the schedule cannot be kept. What falls into an hour that is left out comes at its end, what falls into one that comes twice, comes once. */
export function nextSlot(job: Schedule, after: number): number | null {
  return cronOf(job)?.nextRun(new Date(after))?.getTime() ?? null;
}

/** The last slot after `after` and not after `now`; null: none has come. */
export function dueSlot(job: Schedule, after: number, now: number): number | null {
  const next = nextSlot(job, after);
  if (next === null || next > now) return null;
  const last = cronOf(job)?.previousRuns(1, new Date(now + 1))[0]?.getTime() ?? next; // one at the reference itself is none before it
  return last > after && last <= now ? last : next;
}

function cronOf(job: Schedule): Cron | null {
  const { schedule, timezone } = job;
  return scheduleProblem(job) !== null ? null : new Cron(schedule, { paused: true, ...(timezone === '' ? {} : { timezone }) });
}
