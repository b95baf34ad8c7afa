import { expect, test } from 'vitest';
import { describeWherePresent } from '../where-present.ts';
import { corpusMissing } from './corpus.ts';
import { composeMissing } from './docker-compose.ts';
import { generatedDifferences } from './generated-stacks.ts';

// BAYPLAN_GENERATED says how many, BAYPLAN_SEED from which seed on. test/long has more.
const count = Number(process.env['BAYPLAN_GENERATED'] ?? 60);
const seed = Number(process.env['BAYPLAN_SEED'] ?? 1);

describeWherePresent([corpusMissing, composeMissing], 'files made from the schema', () => {
  test('mean what they mean to docker compose', async () => {
    const { found, accepted } = await generatedDifferences(count, seed);
    expect(found).toEqual([]);
    if (count >= 60) expect(accepted, 'files that both accept').toBeGreaterThan(count / 20);
  }, 60_000 + 1000 * count);
});
