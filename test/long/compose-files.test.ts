import { test } from 'vitest';
import { corpusMissing } from '../peers/corpus.ts';
import { expectSameFiles } from '../peers/corpus-differences.ts';
import { composeMissing } from '../peers/docker-compose.ts';
import { describeWherePresent } from '../where-present.ts';

describeWherePresent([corpusMissing, composeMissing], 'files of public repositories', () => {
  test('mean what they mean to docker compose, in YAML and in JSON', async () => {
    await expectSameFiles('both');
  });
});
