import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { supportTable } from './support-table.ts';

const file = join(import.meta.dirname, '../../src/stack/README.md');
const head = '| key | support | what `up` and `plan` say |\n|---|---|---|\n';

// `BAYPLAN_UPDATE=1 npx vitest run --config test/vitest.config.ts --project unit test/stack/support-table.test.ts` writes it anew.
test('the table of keys is that of the code', () => {
  const text = readFileSync(file, 'utf8');
  const before = text.slice(0, text.indexOf(head) + head.length);
  if (process.env['BAYPLAN_UPDATE'] === '1') writeFileSync(file, before + supportTable());
  expect(readFileSync(file, 'utf8')).toBe(before + supportTable());
});
