import { describe, expect, it } from 'vitest';
import { plan } from '../../src/plan/plan.ts';
import { printPlan } from '../../src/plan/print.ts';
import type { Image } from '../../src/state/image.ts';
import type { State } from '../../src/state/state.ts';
import { simulate } from './simulate.ts';
import { bare, desired, IMAGE, service } from './states.ts';

const NOW = 1_000_000;
const wanted = (pullPolicy: Image['spec']['pullPolicy'], refreshMs = 0): ReturnType<typeof desired> => desired({ db: service() }, { images: { [IMAGE]: { spec: { pullPolicy, refreshMs }, status: null, pulledAt: 0 } } });
const pulledAt = (state: State, at: number): State => ({ ...state, images: Object.fromEntries(Object.entries(state.images).map(([name, image]) => [name, { ...image, pulledAt: at }])) });
const text = (policy: ReturnType<typeof desired>, actual: State, since?: number): string => printPlan(plan(policy, actual, NOW, since));
const running = plan(wanted('missing'), bare(), NOW).steps.reduce(simulate, bare());

describe('a running service is left alone, and its image', () => {
  it('missing, never, build: never asked for again', () => {
    for (const policy of ['missing', 'never', 'build'] as const) expect(text(wanted(policy), running)).toBe('');
  });

  it('always: pulled once for each time that it is asked for', () => {
    expect(text(wanted('always'), pulledAt(running, 500), 600)).toBe(`pull-image ${IMAGE}  (its pull_policy is "always")\n`);
    expect(text(wanted('always'), pulledAt(running, 700), 600)).toBe('');
  });

  it('refresh: pulled when its time has gone, when nobody knows when it was pulled, and when the clock was set back', () => {
    expect(text(wanted('refresh', 1000), pulledAt(running, NOW - 999))).toBe('');
    expect(text(wanted('refresh', 1000), pulledAt(running, NOW - 1000))).toBe(`pull-image ${IMAGE}  (it was last pulled at 1970-01-01T00:16:39.000Z)\n`);
    expect(text(wanted('refresh', 1000), running)).toBe(`pull-image ${IMAGE}  (it was never pulled)\n`);
    expect(text(wanted('refresh', 1000), pulledAt(running, NOW + 5000))).toContain('pull-image');
  });

  it('refresh by a time that is soon gone: pulled once for each time that it is asked for', () => {
    for (const soon of [0, 1]) {
      expect(text(wanted('refresh', soon), pulledAt(running, NOW - 3), NOW - 2)).toContain('pull-image');
      expect(text(wanted('refresh', soon), pulledAt(running, NOW - 2), NOW - 2)).toBe('');
    }
  });
});

describe('an image that is not there', () => {
  const nothing = { ...bare(), images: {} };

  it('is pulled where a container is to be made from it', () => {
    for (const policy of ['missing', 'always', 'refresh', 'build'] as const) expect(text(wanted(policy), nothing)).toContain(`pull-image ${IMAGE}  (it is not in the store)`);
  });

  it('is not asked for where its containers are there', () => expect(text(wanted('missing'), { ...running, images: {} })).toBe(''));

  it('is an error where it must not be pulled', () => expect(() => text(wanted('never'), nothing)).toThrow(`image ${IMAGE} is not in the store, and its pull_policy is "never"`));
});

it('a container that is made after a pull is made of what the name stands for then', () => {
  const create = plan(wanted('always'), bare(), NOW).steps.find(({ action }) => action === 'create-container');
  expect(create).toMatchObject({ args: { spec: { image: IMAGE, imageId: '' } } });
  expect(create?.needs).toContain(`pull-image ${IMAGE}`);
});
