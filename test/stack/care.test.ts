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
  expect(load('services: { web: { image: a, x-bayplan: { unhealthy: stop } } }\n').mistakes.map(({ message }) => message).join()).toContain('unhealthy');
});
