import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ownKeys } from '../src/stack/service-schema.ts';

const ROOT = join(import.meta.dirname, '..');
const text = readFileSync(join(ROOT, 'README.md'), 'utf8');
const headings = [...text.matchAll(/^## (.+)$/gm)].map(([, heading = '']) => heading);
/** As GitHub makes it of a heading. */
const anchorOf = (heading: string): string => `#${heading.toLowerCase().replace(/[^\p{L}\p{N} -]/gu, '').replaceAll(' ', '-')}`;
const section = (heading: string): string => text.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';

it('names each of its sections once at the top, and leads to none that there is not', () => {
  const [top = ''] = text.split('\n## ');
  const linked = [...top.matchAll(/\]\((#[^)]+)\)/g)].map(([, anchor = '']) => anchor);
  expect(linked.toSorted()).toEqual(headings.map(anchorOf).toSorted());
  for (const [, anchor = ''] of text.matchAll(/\]\((#[^)]+)\)/g)) expect(linked).toContain(anchor);
});

it.each(['README.md', 'native/README.md', 'src/stack/README.md'])('%s leads to files that are there', (file) => {
  const of = readFileSync(join(ROOT, file), 'utf8');
  const paths = [...of.matchAll(/`((?:test|src|examples|native)\/[\w./-]+)`/g)].map(([, path = '']) => path);
  expect(paths.length).toBeGreaterThan(0);
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

it('names each key of a service that is bayplan\'s own', () => {
  const own = section('What is bayplan\'s own');
  expect(Object.keys(ownKeys).filter((key) => !own.includes(`\`${key}\``) && !own.includes(`\`${key}:`))).toEqual([]);
});
