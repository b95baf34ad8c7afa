import { relative } from 'node:path';
import { expect, test } from 'vitest';
import { difference } from './compose-config.ts';
import { corpus, corpusFiles, corpusMissing, expectations } from './corpus.ts';
import { composeMissing, inPairs } from './docker-compose.ts';
import { describeWherePresent } from '../where-present.ts';

// Files that other people wrote: `config` prints of each, to the byte, what docker compose prints, or both refuse it.

describeWherePresent([corpusMissing, composeMissing], 'files of public repositories', () => {
  test('mean what they mean to docker compose', async () => {
    const found = new Map<string, string>();
    const files = corpusFiles();
    await inPairs(files, async (file) => {
      const differs = await difference([file]);
      if (differs !== null) found.set(relative(corpus, file), differs);
    });
    const known = expectations('compose-files.differences.json');
    expect([...found].filter(([file]) => known[file] === undefined), 'differences that nobody has explained').toEqual([]);
    expect(Object.keys(known).filter((file) => !found.has(file)), 'explained differences that are none').toEqual([]);
    expect(files.length).toBeGreaterThan(300);
  }, 600_000);
});
