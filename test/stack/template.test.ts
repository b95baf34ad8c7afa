import { describe, expect, test } from 'vitest';
import { fillTemplate } from '../../src/stack/template.ts';

const variables: Readonly<Record<string, string>> = { FOO: 'first', EMPTY: '' };

function fill(template: string): string {
  const { text, problem } = fillTemplate(template, (name) => variables[name], () => undefined);
  return problem === null ? text : `! ${problem.message}`;
}

describe('fillTemplate', () => {
  test.each([
    ['plain', 'plain'], ['$FOO', 'first'], ['${FOO}bar', 'firstbar'], ['$FOObar', ''], ['$UNSET-', '-'],
    ['${UNSET:-d}', 'd'], ['${EMPTY:-d}', 'd'], ['${EMPTY-d}', ''], ['${UNSET-d}', 'd'], ['${FOO:-d}', 'first'],
    ['${FOO:+r}', 'r'], ['${EMPTY:+r}', ''], ['${EMPTY+r}', 'r'], ['${UNSET+r}', ''],
    ['${FOO:?e}', 'first'], ['${EMPTY?e}', ''],
    ['${UNSET:-${EMPTY:-${FOO}}}', 'first'], ['${UNSET:-$FOO ${FOO:+x}}', 'first x'], ['${UNSET:-{"json":1}}', '{"json":1}'], ['${UNSET:-a:?b-c}', 'a:?b-c'],
    ['$$FOO', '$FOO'], ['$${FOO}', '${FOO}'], ['$$$FOO', '$first'], ['^x$', '^x$'], ['a $ b', 'a $ b'], ['$(date)', '$(date)'],
    ['${FOO:-baz} }}}', 'first }}}'], ['_${UNSET:-y}', '_y'],
  ])('%s gives %s', (template, expected) => { expect(fill(template)).toBe(expected); });

  test.each([
    ['${UNSET:?why}', '! required variable UNSET is not set: why'], ['${EMPTY:?why}', '! required variable EMPTY is empty: why'],
    ['${UNSET?}', '! required variable UNSET is not set'], ['${UNSET:?no ${FOO}}', '! required variable UNSET is not set: no first'],
  ])('%s is required', (template, expected) => { expect(fill(template)).toBe(expected); });

  test.each([
    '${FOO:-${UNSET:?why}}', '${FOO-${UNSET?why}}', '${FOO:?${UNSET:?why}}', '${EMPTY:+${UNSET:?why}}',
  ])('%s is refused, though the word is not taken', (template) => { expect(fill(template)).toBe('! required variable UNSET is not set: why'); });

  test.each(['${FOO:-${BAD!}}', '${', '${}', '${ foo}', '${foo }', '${foo!}', '${FOO'])('%s is malformed', (template) => { expect(fill(template)).toMatch(/^! expected \$\{NAME\}/); });

  test('tells which plain variables are not set, in the branch that is taken alone', () => {
    const unset: string[] = [];
    fillTemplate('$A ${B} ${C-d} ${FOO:-${D}}', (name) => variables[name], (name) => unset.push(name));
    expect(unset).toEqual(['A', 'B']);
  });
});
