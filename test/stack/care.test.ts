import { expect, it } from 'vitest';
import { desiredOf } from '../../src/stack/index.ts';
import { loadText as load } from './load-text.ts';

const care = (top: string, own: string): unknown => {
  const { project } = load(`services: { web: { image: a${own === '' ? '' : `, x-bayplan: ${own}`} } }\n${top === '' ? '' : `x-bayplan: ${top}\n`}`);
  if (project === null) throw new Error('the file is wrong');
  const desired = desiredOf(project, { removeOrphans: false });
  return [desired.drift, desired.services['web']?.care];
};

it('is the file\'s for all, and a service\'s for its own', () => {
  expect(care('', '')).toEqual(['heal', { drift: 'heal', unhealthy: 'leave' }]);
  expect(care('{ drift: report }', '')).toEqual(['report', { drift: 'report', unhealthy: 'leave' }]);
  expect(care('{ drift: report }', '{ drift: heal, unhealthy: restart }')).toEqual(['report', { drift: 'heal', unhealthy: 'restart' }]);
});

it('refuses words that it does not know, at their place', () => {
  const { project } = load('services: { web: { image: a } }\nx-bayplan: { drift: hael }\n');
  expect(project?.refusals).toMatchObject([{ line: 2, message: 'x-bayplan.drift: expected "heal" or "report", got "hael"' }]);
  const refused = (own: string): unknown => load(`services: { web: { image: a } }\nx-bayplan: ${own}\n`).project?.refusals.map(({ message }) => message);
  expect(refused('{ drift: heal, on_failure: rollback }')).toEqual([]);
  expect(refused('{ on_failure: maybe }')).toEqual(['x-bayplan.on_failure: expected "rollback", got "maybe"']);
  expect(refused('{ drif: heal }')).toEqual(['x-bayplan.drif: it is not known here; did you mean "drift"?']);
  expect(refused('{ schedule: "@daily" }')).toEqual(['x-bayplan.schedule: it is not known here; known are drift and on_failure']);
  expect(refused('rollback')).toEqual(['x-bayplan: expected a mapping of drift and on_failure, got "rollback"']);
  expect(load('services: { web: { image: a, x-bayplan: { unhealthy: stop } } }\n').mistakes.map(({ message }) => message).join()).toContain('unhealthy');
});

it('refuses what an update cannot keep to, at its place', () => {
  const refused = (config: string): unknown => load(`services:\n  web:\n    image: a\n    deploy: ${config}\n`).project?.refusals.map(({ line, message }) => `${line}: ${message}`);
  expect(refused('{ update_config: { monitor: 5s, delay: 1m, max_failure_ratio: 0.5 } }')).toEqual([]);
  expect(refused('{ update_config: { monitor: -5s } }')).toEqual(['4: services.web.deploy.update_config.monitor: expected a duration of 0s or more, got "-5s"']);
  expect(refused('{ rollback_config: { delay: -1s, max_failure_ratio: 2 } }')).toEqual([
    '4: services.web.deploy.rollback_config.delay: expected a duration of 0s or more, got "-1s"', '4: services.web.deploy.rollback_config.max_failure_ratio: expected a share from 0 to 1, got 2',
  ]);
});
