import { describe, expect, test } from 'vitest';
import { containerSummaries, passEvent, planAnswer, stackAnswer } from '../../src/client/answers.ts';
import { fields, list, nullable, number, oneOf, optional, table, text } from '../../src/client/outline.ts';
import { jsonLine } from '../../src/client/quick-request.ts';

interface Thing { readonly name: string; readonly size?: number; readonly kind: 'a' | 'b'; readonly parts: readonly { readonly id: string }[]; readonly labels: Readonly<Record<string, string>>; readonly end: number | null }
const thing = fields<Thing>({ name: text, size: optional(number), kind: oneOf('a', 'b'), parts: list(fields<{ readonly id: string }>({ id: text })), labels: table(text), end: nullable(number) });
const GOOD = { name: 'x', kind: 'a', parts: [{ id: '1', more: true }], labels: { a: 'b', __proto__: undefined }, end: null, later: { field: 1 } };

test('what is as expected is answered as it came, with what is not looked at', () => {
  expect(thing(JSON.parse(JSON.stringify(GOOD)), '')).toEqual(JSON.parse(JSON.stringify(GOOD)));
  expect(Object.keys(thing({ ...GOOD, size: 3 }, ''))).toEqual([...Object.keys(GOOD), 'size']);
});

describe('what is not is named by its place', () => {
  test.each([
    [null, 'it: expected an object'], [[], 'it: expected an object'], [{ ...GOOD, name: 7 }, 'name: expected a string'], [{ ...GOOD, size: null }, 'size: expected a number'], [{ ...GOOD, kind: 'c' }, 'kind: expected "a" or "b"'],
    [{ ...GOOD, parts: {} }, 'parts: expected a list'], [{ ...GOOD, parts: [{ id: '1' }, {}] }, 'parts[1].id: expected a string'], [{ ...GOOD, labels: { a: 1 } }, 'labels.a: expected a string'], [{ ...GOOD, end: undefined }, 'end: expected a number'],
  ])('%j', (value, place) => {
    expect(() => thing(value, '')).toThrowError(expect.objectContaining({ code: 'strange-answer', message: expect.stringContaining(`(${place}): where their versions differ ("bayplan version"), restart the engine by "bayplan engine stop" and run the command again`) }));
  });
});

test.each([
  ['an event of a kind that is not known', '{"version":1,"type":"else"}', () => passEvent, 'type: expected "plan" or "step" or "progress" or "end"'],
  ['an event of another version', '{"version":2,"type":"end","ok":true,"revision":1,"message":""}', () => passEvent, 'version: expected 1'],
  ['a plan whose steps say no cause', '{"version":1,"revision":1,"digest":"","plan":{"steps":[{"id":"a","action":"b","needs":[],"args":{}}],"notes":[],"wakeAt":null}}', () => planAnswer, 'plan.steps[0].why: expected a string'],
  ['a stack of no file', '{"version":1,"name":"a","revision":1,"desired":null,"actual":{"containers":{}}}', () => stackAnswer, 'source: expected an object'],
  ['a container without what is ours', '[{"Id":"1","Names":[],"Image":"","ImageID":"","Command":"","Created":1,"State":"","Status":"","Labels":{},"Ports":[],"NetworkSettings":{"Networks":{}},"Mounts":[]}]', () => containerSummaries, '[0].Bayplan: expected an object'],
] as const)('%s', (_name, line, of, place) => {
  expect(() => jsonLine<unknown>(line, of())).toThrow(place);
});

test('a line that was cut off is no answer', () => {
  expect(() => jsonLine('{"version":1,"ty', passEvent)).toThrowError(expect.objectContaining({ code: 'engine-gone' }));
});
