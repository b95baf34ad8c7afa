import { expect, it } from 'vitest';
import { loggingProblem, retentionOf } from '../../src/state/logging.ts';

const fallback = { max: 10, files: 3 };

it.each<[string, Record<string, string>, ReturnType<typeof retentionOf>]>([
  ['', {}, fallback],
  ['json-file', { 'max-size': '5m', 'max-file': '7' }, { max: 5 << 20, files: 7 }],
  ['json-file', { 'max-size': '-1' }, { max: 0, files: 3 }],
  ['local', {}, { max: 20 << 20, files: 5 }],
  ['local', { 'max-size': '1.5k' }, { max: 1536, files: 5 }],
  ['none', { 'max-size': '5m' }, null],
])('%s %j keeps %j', (driver, options, kept) => expect(retentionOf({ driver, options }, fallback)).toEqual(kept));

it.each([['true', null], ['F', null], ['1', null], ['maybe', 'logging option compress "maybe": expected true or false']])('compress %s', (compress, problem) => {
  expect(loggingProblem({ driver: 'local', options: { compress } })).toBe(problem);
});
