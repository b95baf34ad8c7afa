import { expect, test } from 'vitest';
import { corpusMissing } from '../peers/corpus.ts';
import { composeMissing } from '../peers/docker-compose.ts';
import { generatedDifferences } from '../peers/generated-stacks.ts';
import { describeWherePresent } from '../where-present.ts';

// As test/peers does, from another seed on, and more of them: about half a minute on a machine that does nothing else.
describeWherePresent([corpusMissing, composeMissing], 'many files made from the schema', () => {
  test('mean what they mean to docker compose', async () => {
    const { found, accepted } = await generatedDifferences(1000, 1_000_000);
    expect(found).toEqual([]);
    expect(accepted, 'files that both accept').toBeGreaterThan(50);
  }, 900_000);
});
