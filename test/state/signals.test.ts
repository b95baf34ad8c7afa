import { expect, it } from 'vitest';
import { knownSignal, signalNumber } from '../../src/state/signals.ts';

it('knows signals by name and number, and says what is none', () => {
  expect(['SIGTERM', 'term', '9', 'RTMIN+3', 'SIGRTMAX-1'].map(knownSignal)).toEqual([15, 15, 9, 37, 63]);
  expect(['FOO', '0', '65', '-1', '', 'RTMIN+31'].map(knownSignal)).toEqual([null, null, null, null, null, null]);
  expect(() => signalNumber('FOO')).toThrow('invalid signal: FOO: give a name such as SIGTERM, or a number from 1 to 64');
});
