import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Console } from './console.ts';

// Node 20 throws ENOTDIR for a path below a file where Node 22 is silent: both are to say that there is no such file.
let cli: Console;

beforeEach(async () => {
  cli = await new Console().open();
  writeFileSync(join(cli.folder, 'file'), '');
});
afterEach(() => cli.close());

const HELLO = 'image: bayplan/hello';

test.each([
  ['an env file', `services: {a: {${HELLO}, env_file: [file/below]}}`, /compose\.yaml:1:\d+: services\.a\.env_file: file \S+\/file\/below does not exist/],
  ['an include', `include: [file/below]\nservices: {a: {${HELLO}}}`, /compose\.yaml:1:\d+: include: file \S+\/file\/below does not exist/],
  ['a file to extend from', `services: {a: {${HELLO}, extends: {file: file/below, service: b}}}`, /compose\.yaml:1:\d+: file \S+\/file\/below to extend from does not exist/],
  ['a label file', `services: {a: {${HELLO}, label_file: file/below}}`, /compose\.yaml:1:\d+: services\.a\.label_file: file \S+\/file\/below does not exist/],
  ['a seccomp profile', `services: {a: {${HELLO}, security_opt: ["seccomp:file/below"]}}`, /compose\.yaml:1:\d+: services\.a: security_opt "seccomp:file\/below": there is no file/],
])('%s below a file is one that is not there', async (_name, text, expected) => {
  writeFileSync(join(cli.folder, 'compose.yaml'), text);
  expect(await cli.run('plan')).toBe(1);
  expect(cli.err).toMatch(expected);
  expect(cli.err).not.toContain('unexpected');
});

test('an env file that need not be there may be below a file', async () => {
  writeFileSync(join(cli.folder, 'compose.yaml'), `services: {a: {${HELLO}, env_file: [{path: file/below, required: false}], develop: {watch: [{action: sync, path: file/below, target: /x}]}}}`);
  expect([await cli.run('config', '-q'), cli.err]).toEqual([0, '']);
  expect([await cli.run('--project-directory', 'file/below', '-f', join(cli.folder, 'compose.yaml'), 'config', '-q'), cli.err]).toEqual([0, '']);
});

test.each([
  [['-f', 'file/below', 'config'], /^\S+\/file\/below: the file does not exist\n/],
  [['--env-file', 'file/below', 'config'], /^\S+\/file\/below: the env file does not exist\n/],
  [['load', 'file/below'], /^bayplan: no file or folder \S+\/file\/below to load\n/],
  [['load', 'x'.repeat(300)], /^bayplan: no file or folder \S+ to load\n/],
])('%j is told in a line', async (args, expected) => {
  writeFileSync(join(cli.folder, 'compose.yaml'), `services: {a: {${HELLO}}}`);
  expect(await cli.run(...args)).toBe(1);
  expect(cli.err).toMatch(expected);
});
