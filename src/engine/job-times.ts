import { Cron } from 'croner';
import type { Job } from '../state/job.ts';

type Schedule = Pick<Job, 'schedule' | 'timezone'>;

/** The first slot after `after`, ms since the epoch; null: there is none. What falls into an hour that is left out comes at its end, what falls into one that comes twice, comes once. */
export function nextSlot(job: Schedule, after: number): number | null {
  return cronOf(job).nextRun(new Date(after))?.getTime() ?? null;
}

/** The last slot after `after` and not after `now`; null: none has come. */
export function dueSlot(job: Schedule, after: number, now: number): number | null {
  const next = nextSlot(job, after);
  if (next === null || next > now) return null;
  const last = cronOf(job).previousRuns(1, new Date(now + 1))[0]?.getTime() ?? next; // one at the reference itself is none before it
  return last > after && last <= now ? last : next;
}

function cronOf({ schedule, timezone }: Schedule): Cron {
  return new Cron(schedule, { paused: true, ...(timezone === '' ? {} : { timezone }) });
}
