import { expect, test } from 'vitest';
import { imageFilter } from '../../src/api/image-filters.ts';
import type { StoredImage } from '../../src/runtime/image/images.ts';
import { IMAGE } from './fake-engine.ts';

const NOW = Date.parse('2026-01-02T00:00:00Z');
const image = (name: string | null, hoursOld: number, labels: Record<string, string> = {}): StoredImage =>
  ({ references: name === null ? [] : [`docker.io/library/${name}`], image: { ...IMAGE, createdAt: NOW - hoursOld * 3_600_000, config: { ...IMAGE.config, labels } } });
const all = [image('new:1', 1, { tier: 'front' }), image('old:1', 30), image(null, 20, { tier: 'back', keep: '' })];
const images = { find: (name: string) => all.find(({ references }) => references.includes(`docker.io/library/${name}`))?.image ?? null };
const passing = (filters: Record<string, readonly string[]>): readonly number[] => {
  const passes = imageFilter(new Map(Object.entries(filters)), images, NOW);
  return all.flatMap((each, position) => (passes(each) ? [position] : []));
};

test.each<[Record<string, readonly string[]>, readonly number[]]>([
  [{}, [0, 1, 2]],
  [{ dangling: ['true'] }, [2]], [{ dangling: ['0'] }, [0, 1]],
  [{ reference: ['new'] }, [0]], [{ reference: ['*:1'] }, [0, 1]], [{ reference: ['library/*'] }, []],
  [{ label: ['tier'] }, [0, 2]], [{ label: ['tier=back'] }, [2]], [{ 'label!': ['tier=back'] }, [0, 1]], [{ 'label!': ['keep'], 'label': ['tier'] }, [0]],
  [{ before: ['new:1'] }, [1, 2]], [{ since: ['old:1'] }, [0, 2]], [{ since: ['old:1'], before: ['new:1'] }, [2]],
  [{ until: ['24h'] }, [1]], [{ until: ['2026-01-01T12:00:00Z'] }, [1, 2]], [{ until: [String(NOW / 1000 - 25 * 3600)] }, [1]],
])('%j', (filters, positions) => {
  expect(passing(filters)).toEqual(positions);
});

test('what cannot be understood', () => {
  expect(() => passing({ before: ['nosuch'] })).toThrow('No such image: nosuch');
  expect(() => passing({ until: ['soon'] })).toThrow('until "soon": expected a duration such as 24h');
});
