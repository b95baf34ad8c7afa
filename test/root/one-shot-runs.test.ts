import { expect, it } from 'vitest';
import { type Act, oneShotProblems } from './one-shot-runs.ts';

const up = (told: boolean): Act => ({ verb: 'up', revision: 1, told });
const release = (told: boolean): Act => ({ verb: 'release', revision: 1, told });
const M = 'migrates';
const A = 'app-starts';

// The test of the test that cuts the power: what each boot was asked for, what came onto the disk in it, and the boots in which that was too much.
it.each<[string, [Act[], string[]][], number[]]>([
  ['told of success', [[[up(true)], [M]], [[], [A]], [[], [M]]], [2]],
  ['cut amid its run', [[[up(false)], [M]], [[], [M, A]], [[], [A]]], []],
  ['cut after who depends on it started', [[[up(false)], [M, A]], [[], [M, A]]], [1]],
  ['cut twice', [[[up(false)], []], [[], [M]], [[], [M, A]], [[], [A, M]]], [3]],
  ['twice in a boot', [[[up(true)], [M, M, A]]], [0]],
  ['started again, which ends before it has', [[[up(true), release(true)], [M, A]], [[], [M, A]], [[], [M]]], [2]],
  ['started again, its end known', [[[up(true), release(true)], [M, A, M]], [[], [A]], [[], [M]]], [2]],
  ['held, and started again', [[[up(true)], [M, A]], [[release(false)], [M, A]], [[], [M]]], [2]],
])('%s', (_name, boots, problems) => {
  const events = boots.flatMap(([, here], boot) => ['db-ready', ...here].map((what) => `${what} 1 ${boot} 1`));
  expect(oneShotProblems(events, boots.map(([acts]) => acts)).map(({ boot }) => boot)).toEqual(problems);
});
