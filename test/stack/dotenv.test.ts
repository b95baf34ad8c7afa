import { describe, expect, test } from 'vitest';
import { parseEnvFile } from '../../src/stack/dotenv.ts';
import { formatMistake, Mistakes } from '../../src/stack/mistake.ts';

function parse(text: string, format: 'compose' | 'raw' = 'compose'): { values: Record<string, string>; lines: string[] } {
  const mistakes = new Mistakes();
  const environment: Readonly<Record<string, string>> = { SHELL_VAR: 'shell' };
  const values = Object.fromEntries(parseEnvFile('/app/x.env', text, (name) => environment[name], mistakes, { format }));
  return { values, lines: mistakes.all().map(formatMistake) };
}

describe('parseEnvFile', () => {
  test.each<[string, Record<string, string>]>([
    ['A=1', { A: '1' }], ['A = 1', { A: '1' }], ['A: 1', { A: '1' }], ['export A=1', { A: '1' }], ['export\tA=1', { A: '1' }], ['exportA=1', { exportA: '1' }],
    ['\uFEFFA=1\r\nB=2\r\n', { A: '1', B: '2' }], ['# c\n\nA=1 # c\nB=x#y', { A: '1', B: 'x#y' }], ['A=', { A: '' }], ['A=#', { A: '#' }], ['A= # c\nB=', { A: '# c', B: '' }], ['A=1\t# c', { A: '1\t# c' }], ['A=1  # c # d', { A: '1' }],
    ['A="b#c" # d', { A: 'b#c' }], ["A='$B'", { A: '$B' }], ["A='it\\'s'", { A: "it's" }], ['A="x\\ny\\t\\"z\\""', { A: 'x\ny\t"z"' }], ['A="\\$B"', { A: '$B' }],
    ['A="x"B=2\nC=3', { A: 'x', B: '2', C: '3' }], ['A="x"\nSHELL_VAR', { A: 'x', SHELL_VAR: 'shell' }], ['A="\\0101\\012\\0\\0777\\q"', { A: 'A\\12\\\\777\\q' }], ["A='x\\\\'", { A: 'x\\\\' }],
    ['A="one\ntwo"', { A: 'one\ntwo' }], ['A=1\nB=${A}2', { A: '1', B: '12' }], ['A=$SHELL_VAR', { A: 'shell' }], ['SHELL_VAR=file\nA=$SHELL_VAR', { SHELL_VAR: 'file', A: 'shell' }],
    ['SHELL_VAR\nNOT_SET', { SHELL_VAR: 'shell' }], ['a.b=1\na[1]=2\nä=3', { 'a.b': '1', 'a[1]': '2', 'ä': '3' }], ['A=two words', { A: 'two words' }],
  ])('%j', (text, expected) => { expect(parse(text)).toEqual({ values: expected, lines: [] }); });

  test('a value without a name is a mistake, unless it is of no use anyhow', () => {
    expect(parse('=====\nA=1').lines).toEqual(['/app/x.env:1:1: expected KEY=value, got "====="']);
    const mistakes = new Mistakes();
    expect([...parseEnvFile('/app/.env', '=====\nA=1\n= "x" B=2', () => undefined, mistakes, { nameless: true })]).toEqual([['A', '1'], ['B', '2']]);
    expect(mistakes.count).toBe(0);
  });

  test('raw takes values as they are', () => {
    expect(parse('A="x" # y\nB=$A\nSHELL_VAR\n# c', 'raw').values).toEqual({ A: '"x" # y', B: '$A', SHELL_VAR: 'shell' });
  });

  test('names each mistake with its line', () => {
    expect(parse('A=1\nB C=2\nD="x\n').lines).toEqual([
      '/app/x.env:2:1: expected KEY=value, got "B C=2"',
      '/app/x.env:3:3: expected a closing ", got the end of the file',
    ]);
    expect(parse('A="x"!\nB="y" "z"\nC="1" 2 3').lines).toEqual([
      '/app/x.env:1:6: expected KEY=value, got "!"', '/app/x.env:2:7: expected KEY=value, got "\\"z\\""', '/app/x.env:3:7: expected KEY=value, got "2 3"',
    ]);
    expect(parse('__proto__=1\nA=${B:?no}').lines).toEqual([
      '/app/x.env:1:1: key "__proto__" cannot be used; choose another name',
      '/app/x.env:2:3: required variable B is not set: no',
    ]);
  });
});
