import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Compose files of other people and what compose-go makes of its own tests; for tests that run where the folder is. */
export const corpus = process.env['BAYPLAN_CORPUS'] ?? resolve(import.meta.dirname, '../../../shared/corpus');
/** Null where that folder is. */
export const corpusMissing: string | null = existsSync(join(corpus, 'recorded', 'load.jsonl')) ? null : `no corpus at ${corpus}`;

/** The recorded calls of one kind, checked by `row`. */
export function recorded(kind: string): readonly Readonly<Record<string, unknown>>[] {
  return readFileSync(join(corpus, 'recorded', `${kind}.jsonl`), 'utf8').trimEnd().split('\n').map((line): Readonly<Record<string, unknown>> => {
    const row: unknown = JSON.parse(line);
    if (typeof row !== 'object' || row === null) throw new Error(`no record: ${line.slice(0, 80)}`);
    return Object.fromEntries(Object.entries(row));
  });
}

/** Every YAML file of the corpus. */
export function corpusFiles(): readonly string[] {
  return readdirSync(join(corpus, 'files'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name)).map((entry) => join(entry.parentPath, entry.name)).sort();
}

/** Known differences: why each is one. Keys are what a test calls its cases. */
export function expectations(file: string): Readonly<Record<string, string>> {
  const found: unknown = JSON.parse(readFileSync(join(import.meta.dirname, file), 'utf8'));
  if (typeof found !== 'object' || found === null) throw new Error(`${file}: expected a mapping`);
  return Object.fromEntries(Object.entries(found).map(([key, why]) => [key, String(why)]));
}
