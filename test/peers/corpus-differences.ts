import { relative } from 'node:path';
import { expect } from 'vitest';
import { difference } from './compose-config.ts';
import { corpus, corpusFiles, expectations } from './corpus.ts';
import { inPairs } from './docker-compose.ts';

/** Of each file that other people wrote `config` prints, to the byte, what docker compose prints, or both refuse it. `formats`: in which that is looked at, in both, or in one of them by turns. */
export async function expectSameFiles(formats: 'both' | 'by turns'): Promise<void> {
  const found = new Map<string, string>();
  const files = corpusFiles();
  await inPairs([...files.entries()], async ([index, file]) => {
    const differs = await difference([file], formats === 'both' ? ['json', 'yaml'] : [index % 2 === 0 ? 'yaml' : 'json']);
    if (differs !== null) found.set(relative(corpus, file), differs);
  });
  const known = expectations('compose-files.differences.json');
  expect([...found].filter(([file]) => known[file] === undefined), 'differences that nobody has explained').toEqual([]);
  if (formats === 'both') expect(Object.keys(known).filter((file) => !found.has(file)), 'explained differences that are none').toEqual([]);
  expect(files.length).toBeGreaterThan(300);
}
