import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { readMessage } from '../../src/api/own-message.ts';
import { StackRequest } from '../../src/state/messages.ts';
import { Operation } from '../../src/state/operation.ts';
import { nothingDesired } from '../../src/state/state.ts';

const request = { version: 1, base: null, source: { workingDir: '/srv', files: [] }, desired: nothingDesired('demo', false, null) };
const read = (value: unknown, schema: typeof StackRequest | typeof Operation = StackRequest) => readMessage(Readable.from([JSON.stringify(value)]), schema, '0.4.0');
const older = 'engine 0.4.0 is older than this command line: restart it by "bayplan engine stop" and run the command again; containers go on';

test('a message of this version passes', async () => {
  await expect(read(request)).resolves.toMatchObject(request);
});

test.each([
  ['a field of a newer one', { ...request, news: 1 }, `news is not known: ${older}`],
  ['one deep inside', { ...request, desired: { ...request.desired, news: 1 } }, `desired.news is not known: ${older}`],
  ['another version', { ...request, version: 2 }, `the request is of version 2: ${older}`],
  ['a field that is needed and not there', { ...request, source: { workingDir: '/srv' } }, 'source.files is missing: this command line is older than engine 0.4.0: use the one that came with it'],
  ['a value of another kind', { ...request, base: 'x' }, 'the request is wrong at base: Invalid input: expected number, received string'],
])('of %s it is said in one line who is older and what to do', async (_what, value, message) => {
  await expect(read(value)).rejects.toMatchObject({ message });
});

test('so it is of what a person asks for', async () => {
  await expect(read({ verb: 'stop', services: [], news: true }, Operation)).rejects.toMatchObject({ code: expect.stringMatching(/older/) });
});
