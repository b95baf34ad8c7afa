import { describe, expect, test } from 'vitest';
import { goTemplate } from '../../src/cli/go-template.ts';
import { formatted } from '../../src/cli/list-format.ts';

const DATA = { Name: 'shop-web-1', ID: 'abc', Ports: ['80/tcp', '443/tcp'], Health: '', State: { Running: true, Code: 0 }, Label: (key: unknown) => `<${String(key)}>`, Empty: null };

// What Go's text/template with docker's functions prints.
describe('a template prints as docker does', () => {
  test.each([
    ['{{.Name}}', 'shop-web-1'], ['a {{ .Name }} b', 'a shop-web-1 b'], ['{{.State.Code}} {{.State.Running}}', '0 true'], ['{{json .Ports}}', '["80/tcp","443/tcp"]'], ['{{.Ports | json}}', '["80/tcp","443/tcp"]'],
    ['{{.Ports}}', '[80/tcp 443/tcp]'], ['{{.State}}', 'map[Code:0 Running:true]'], ['{{join .Ports ", "}}', '80/tcp, 443/tcp'], ['{{upper .Name | len}}', '10'], ['{{index .Ports 1}}', '443/tcp'], ['{{index .State "Code"}}', '0'],
    ['{{if .Health}}yes{{else}}no{{end}}', 'no'], ['{{if eq .Name "x"}}1{{else if .State.Running}}2{{else}}3{{end}}', '2'], ['{{range .Ports}}<{{.}}>{{end}}', '<80/tcp><443/tcp>'], ['{{range .Ports}}{{$.ID}} {{end}}', 'abc abc '],
    ['{{range .Health}}x{{else}}none{{end}}', 'none'], ['{{with .State}}{{.Code}}{{end}}', '0'], ['{{.Label "a.b"}}', '<a.b>'], ['{{(index .Ports 0) | upper}}', '80/TCP'], ['{{/* nothing */}}{{.ID}}', 'abc'], ['x  {{- .ID -}}  y', 'xabcy'],
    ['{{"a\\tb"}}{{`c`}}', 'a\tbc'], ['{{println .ID}}', 'abc\n'], ['{{truncate .Name 4}}', 'shop'], ['{{not .Health}}', 'true'], ['{{.Empty}}', '<no value>'], ['{{split .Name "-"}}', '[shop web 1]'], ['{{if and .Name (ne .ID "x")}}both{{end}}', 'both'],
  ])('%s', (source, output) => expect(goTemplate(source)(DATA)).toBe(output));
});

test.each([
  ['{{.Nope}}', '--format: there is no field "Nope"; there are Empty, Health, ID, Label, Name, Ports, State'], ['{{.Name', '--format: "{{.Name" is not closed by "}}"'], ['{{if .Name}}x', '--format: {{if}} has no {{end}}'], ['{{end}}', '--format: {{end}} without an if, range or with'],
  ['{{printf "%s" .Name}}', '--format: {{printf "%s" .Name}}: "printf" is not known; there are and, eq, index, join, json, len, lower, ne, not, or, pad, print, println, split, title, truncate, upper'], ['{{(.Name}}', '--format: {{(.Name}}: "(" is not closed'], ['{{}}', '--format: {{}}: a value is missing'],
  ['{{.Name "x"}}', '--format: a value is not called with arguments'], ['{{constructor}}', expect.stringContaining('"constructor" is not known')], ['{{.constructor}}', expect.stringContaining('no field "constructor"')], ['{{$x := .Name}}', '--format: {{$x := .Name}}: "x" is not known; there are and, eq, index, join, json, len, lower, ne, not, or, pad, print, println, split, title, truncate, upper'],
])('what is wrong with %s is one line', (source, message) => {
  let found = '';
  try {
    goTemplate(source)(DATA);
  } catch (error) {
    found = error instanceof Error ? error.message : String(error);
  }
  expect(found).toEqual(message);
  expect(found).not.toContain('\n');
});

describe('a list', () => {
  const records = [{ Name: 'one', RunningFor: '5 seconds ago' }, { Name: 'another-long-name', RunningFor: '1 hour ago' }];
  const options = { titles: { RunningFor: 'CREATED' }, labels: [{ tier: 'front' }, {}] };
  test('by a template is a line a record', () => {
    expect(formatted('{{.Name}}\\t{{.Label "tier"}}', records, options)).toBe('one\tfront\nanother-long-name\t\n');
    expect(formatted('json', records)).toBe('{"Name":"one","RunningFor":"5 seconds ago"}\n{"Name":"another-long-name","RunningFor":"1 hour ago"}\n');
  });
  test('as a table has a head and columns', () => {
    expect(formatted('table {{.Name}}\\t{{.RunningFor}}\\t{{.Label "tier"}}', records, options)).toBe('NAME                CREATED         tier\none                 5 seconds ago   front\nanother-long-name   1 hour ago\n');
    expect(formatted('table {{.Name}}\\t{{.CreatedAt}}', [])).toBe('NAME      CREATED AT\n');
    expect(() => formatted('table {{.Nope}}', records)).toThrow('there is no field "Nope"');
  });
});

test('what is not closed is told at once, however much is in it', () => {
  for (const part of ['"a" ', '`a` ', '/* a */', '"']) expect(() => goTemplate(`{{json ${part.repeat(60)}`), part).toThrow(/^--format: ".*" is not closed by "}}"$/);
  expect(goTemplate('{{/* "one }} of ` them */}}{{json "}}"}}')(null)).toBe('"}}"');
});
