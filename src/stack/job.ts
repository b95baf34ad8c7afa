import { Cron } from 'croner';
import { parseDuration } from '../state/duration.ts';
import type { Job } from '../state/job.ts';
import type { ServiceConfig } from './service-schema.ts';

const KEPT_RUNS = 10;

/** The schedule of a service, `x-bayplan: { schedule, timezone, overlap, retries, timeout, history }`; null: it has none. */
export function jobOf({ 'x-bayplan': own }: ServiceConfig): Job | null {
  if (own?.schedule === undefined) return null;
  return {
    schedule: own.schedule, timezone: own.timezone ?? '', overlap: own.overlap ?? 'skip', retries: own.retries ?? 0, timeoutMs: parseDuration(own.timeout ?? '0s') ?? 0, history: Math.max(1, own.history ?? KEPT_RUNS),
  };
}

/** What is wrong with it, by key below x-bayplan. */
export function jobProblems(service: ServiceConfig): readonly (readonly [key: string, problem: string])[] {
  const own = service['x-bayplan'];
  if (own?.schedule === undefined) {
    const useless = (['timezone', 'overlap', 'retries', 'timeout', 'history'] as const).find((key) => own?.[key] !== undefined);
    return useless === undefined ? [] : [[useless, 'it belongs to a "schedule", and there is none']];
  }
  const problems: (readonly [string, string])[] = [];
  try {
    if (new Cron(own.schedule, { paused: true }).nextRun() === null) problems.push(['schedule', `"${own.schedule}" never comes`]);
  } catch {
    problems.push(['schedule', `expected a cron expression of five fields, or of six with seconds first, such as "30 2 * * *", got "${own.schedule}"`]);
  }
  if (own.timezone !== undefined && !isTimezone(own.timezone)) problems.push(['timezone', `expected the name of a time zone such as Europe/Berlin, got "${own.timezone}"`]);
  if (own.timeout?.startsWith('-') === true) problems.push(['timeout', `expected a duration of 0 or more, got "${own.timeout}"`]);
  if (own.history === 0) problems.push(['history', 'expected a number of runs, 1 or more, got 0']);
  if (service.container_name !== undefined) problems.push(['schedule', 'the runs of a schedule have names of their own: remove "container_name"']);
  return problems;
}

function isTimezone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
