import { expect, it } from 'vitest';
import { settingChanges } from '../../src/plan/setting-changes.ts';
import type { Job } from '../../src/state/job.ts';
import type { Service } from '../../src/state/service.ts';
import { desired, service } from './states.ts';

const job: Job = { schedule: '30 2 * * *', timezone: '', overlap: 'skip', retries: 0, timeoutMs: 0, history: 10 };
const backup = (change: Partial<Job> = {}, template: Parameters<typeof service>[0] = {}): Service => ({ ...service(template, {}, 0), job: { ...job, ...change } });
const web = service({ environment: { A: 'a' } });

it.each([
  ['nothing', desired({ web, backup: backup() }), desired({ web, backup: backup() }), []],
  ['what a step is for', desired({ web }), desired({ web: { ...service({ environment: { A: 'b' } }), replicas: 3 } }), []],
  ['a schedule', desired({ web, backup: backup() }), desired({ web, backup: backup({ schedule: '0 3 * * *', history: 2 }) }), ['service backup: job.history: 10 → 2', 'service backup: job.schedule: "30 2 * * *" → "0 3 * * *"']],
  ['what a run is made from', desired({ backup: backup({}, { command: ['one'] }) }), desired({ backup: backup({}, { command: ['two'] }) }), ['service backup: command: ["one"] → ["two"]; its next run has it']],
  ['how it is updated', desired({ web }), desired({ web: { ...web, update: { ...web.update, monitorMs: 3000 } } }), [`service web: update.monitorMs: ${web.update.monitorMs} → 3000`]],
  ['how it is cared for', desired({ web }), desired({ web: { ...web, care: { ...web.care, drift: 'report' } } }, { drift: 'report' }), ['stack shop: drift: "heal" → "report"', 'service web: care.drift: "heal" → "report"']],
  ['a job that comes', desired({ web }), desired({ web, backup: backup() }), ['service backup runs on its schedule from then on']],
  ['one that goes', desired({ web, backup: backup() }), desired({ web }), ['service backup runs no more on its schedule']],
  ['a first time', null, desired({ web: { ...web, care: { ...web.care, drift: 'report' } }, backup: backup() }), ['service backup runs on its schedule from then on']],
])('tells of %s', (_what, before, after, lines) => {
  expect(settingChanges(before, after)).toEqual(lines);
});
