import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { callProvider } from '../../src/cli/provider-program.ts';

const folder = mkdtempSync(join(tmpdir(), 'bayplan-provider-'));
let told: string[] = [];
beforeEach(() => { told = []; });
afterAll(() => { rmSync(folder, { recursive: true }); });

const up = async (script: string, type = 'cloud'): ReturnType<typeof callProvider> => {
  writeFileSync(join(folder, 'cloud'), `#!/bin/sh\n[ "$2" = metadata ] && exit 1\n${script}\n`);
  chmodSync(join(folder, 'cloud'), 0o755);
  const tell = (kind: string) => (text: string): void => { told.push(`${kind} ${text}`); };
  return await callProvider('up', { project: 'demo', service: 'db', provider: { type, options: { a: ['1'] } }, env: { PATH: `${folder}:/usr/bin:/bin`, HOME: folder, OWN: 'x' }, cwd: folder, info: tell('info'), debug: tell('debug'), complain: tell('err') });
};
const say = (type: string, message: string): string => `printf '%s\\n' '${JSON.stringify({ type, message })}'`;

test('takes what a provider answers', async () => {
  expect(await up([say('info', 'half\nmore'), say('debug', 'd'), say('setenv', 'A=b=c'), say('rawsetenv', 'RAW='), 'echo', 'echo oops >&2', `echo "{\\"type\\":\\"setenv\\",\\"message\\":\\"ARGS=$* $OWN\\"}"`].join('\n')))
    .toEqual({ variables: { A: 'b=c', ARGS: 'compose --project-name=demo up --a=1 db x' }, raw: { RAW: '' } });
  expect(told.sort()).toEqual(['debug d', 'err oops\n', 'info half']);
});

test.each([
  [say('error', 'no credit left'), 'no credit left'], ['echo "what?"', 'its answer is none: expected {"type": "…", "message": "…"}, got what?'], ['echo "[]"', 'its answer is none: expected {"type"'], [say('setenv', 'nothing'), 'its answer is none: setenv nothing'],
  [say('sing', 'a=b'), 'its answer is none: sing a=b'], ['exit 3', 'up: it ended with status 3'], ['kill -9 $$', 'up: it ended with SIGKILL'], [`${say('error', 'first')}; exec sleep 1000`, 'first'],
])('%s is a failure', async (script, message) => {
  await expect(up(script)).rejects.toThrow(`service "db": provider cloud: ${message}`);
});

test.each(['compose', 'a/b', ''])('%j is no provider', async (type) => {
  await expect(up('', type)).rejects.toThrow('this is no name of a provider');
});
