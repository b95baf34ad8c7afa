import { test } from 'vitest';
import { corpusMissing } from './corpus.ts';
import { expectSameFiles } from './corpus-differences.ts';
import { composeMissing } from './docker-compose.ts';
import { describeWherePresent } from '../where-present.ts';

// test/long looks at both formats of each.
describeWherePresent([corpusMissing, composeMissing], 'files of public repositories', () => {
  test('mean what they mean to docker compose, half of them in YAML and half in JSON', async () => {
    await expectSameFiles('by turns');
  }, 600_000);
});
