import { expect, it } from 'vitest';
import { desiredOf } from '../../src/stack/index.ts';
import { loadText } from './load-text.ts';

it('a service with a schedule has no replicas', () => {
  const { project } = loadText('services: {tidy: {image: a, x-bayplan: {schedule: "0 3 * * *", timezone: Europe/Berlin, overlap: queue, retries: 2, timeout: 90s, history: 3}}, plain: {image: a, x-bayplan: {schedule: "@daily"}}, web: {image: a}}');
  const { services } = desiredOf(project!, { removeOrphans: false });
  expect(Object.values(services).map(({ replicas, job }) => [replicas, job])).toEqual([
    [0, { schedule: '0 3 * * *', timezone: 'Europe/Berlin', overlap: 'queue', retries: 2, timeoutMs: 90_000, history: 3 }],
    [0, { schedule: '@daily', timezone: '', overlap: 'skip', retries: 0, timeoutMs: 0, history: 10 }], [1, null],
  ]);
});

it.each([
  ['{schedule: "every day"}', 'x-bayplan.schedule: expected a cron expression of five fields, or of six with seconds first, such as "30 2 * * *", got "every day"'],
  ['{schedule: "0 0 30 2 *"}', 'x-bayplan.schedule: "0 0 30 2 *" never comes'],
  ['{schedule: "* * * * *", timezone: Mars/Base}', 'x-bayplan.timezone: expected the name of a time zone such as Europe/Berlin, got "Mars/Base"'],
  ['{schedule: "* * * * *", timeout: -1s}', 'x-bayplan.timeout: expected a duration of 0 or more, got "-1s"'],
  ['{schedule: "* * * * *", history: 0}', 'x-bayplan.history: expected a number of runs, 1 or more, got 0'],
  ['{retries: 3}', 'x-bayplan.retries: it belongs to a "schedule", and there is none'],
])('%s is refused', (own, problem) => {
  const { project } = loadText(`services: {tidy: {image: a, x-bayplan: ${own}}}`);
  expect(project?.refusals.map(({ message }) => message)).toEqual([`services.tidy.${problem}`]);
});

it('nobody waits for one', () => {
  const { project } = loadText('services: {tidy: {image: a, x-bayplan: {schedule: "* * * * *"}}, web: {image: a, depends_on: [tidy]}}');
  expect(project?.refusals.map(({ message }) => message)).toEqual(['services.web.depends_on.tidy: service "tidy" runs on a schedule, so there is nothing to wait for (service_started); leave it out']);
});
