import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { describeWherePresent } from '../where-present.ts';
import { difference } from './compose-config.ts';
import { composeMissing, inPairs } from './docker-compose.ts';

// Env files of pieces that mean something in one, at random, and not a value without a name, which no process can have; BAYPLAN_GENERATED says how many, BAYPLAN_SEED from which seed on.
const count = Number(process.env['BAYPLAN_GENERATED'] ?? 60);
const seed = Number(process.env['BAYPLAN_SEED'] ?? 1);

const pieces = ['A', 'B_1', 'HOME', 'x.y', '1', '=', '=', '=', ': ', ' ', '\t', '\n', '\n', '\r\n', '#', ' #', '"', "'", '\\', '\\n', '\\"', '\\0101', '\\$', '$', '${A}', '$B_1', '${HOME:-d}', '${NO:?}', '$$', 'export ', '-', '!', 'a b', 'é', '\u00a0'];
const line = fc.tuple(fc.constantFrom('A=', 'B_1=', 'C="', "D='", 'export E=', 'F: ', 'HOME', '# ', 'G = ', ''), fc.array(fc.constantFrom(...pieces), { maxLength: 6 }), fc.constantFrom('', '', '"', "'")).map(([start, middle, end]) => `${start}${middle.join('')}${end}\n`);
const file = fc.tuple(fc.array(line, { maxLength: 4 }), fc.array(fc.constantFrom(...pieces), { maxLength: 2 })).map(([lines, end]) => lines.join('') + end.join(''));

describeWherePresent([composeMissing], 'env files made at random', () => {
  test('mean what they mean to docker compose', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bayplan-dotenv-'));
    try {
      const found: string[] = [];
      let accepted = 0;
      await inPairs([...fc.sample(fc.tuple(file, file), { numRuns: count, seed }).entries()], async ([index, [own, project]]) => {
        const place = join(folder, String(index));
        mkdirSync(place);
        writeFileSync(join(place, 'web.env'), `${own}\n`); // its last line whole: a name alone without an end is a value without a name to docker compose
        writeFileSync(join(place, '.env'), index % 2 === 0 ? project : '');
        writeFileSync(join(place, 'compose.yaml'), 'services: {web: {image: "a${A}${B_1-}", env_file: web.env, environment: {B_1: , C: "$C"}}}\n');
        const differs = await difference([join(place, 'compose.yaml')], ['json'], () => { accepted++; });
        if (differs !== null && !/ KEY=value, got "(export\s+)?[=:]/.test(differs)) found.push(`${differs}\n${JSON.stringify({ own, project })}`);
      });
      expect(found).toEqual([]);
      if (count >= 60) expect(accepted, 'files that both accept').toBeGreaterThan(count / 20);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 60_000 + 1000 * count);
});
