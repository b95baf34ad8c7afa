import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

const SRC = resolve(import.meta.dirname, '../src');

/** Folder → folders it may import. What stands in src/ itself is the program and the library: they wire all parts. */
const MAY: Readonly<Record<string, readonly string[]>> = {
  state: [],
  stack: ['state'],
  plan: ['state'],
  runtime: ['state'],
  reconcile: ['state', 'plan', 'runtime'],
  engine: ['state', 'plan', 'reconcile', 'runtime', 'stack'],
  api: ['engine', 'state'],
  client: ['state'],
  watch: ['client', 'stack', 'state'],
  cli: ['client', 'stack', 'state', 'watch', 'plan/print.ts'],
};
/** The API speaks of the runtime's interfaces, which the engine hands out; it may name their types alone. */
const TYPES_ONLY: Readonly<Record<string, readonly string[]>> = { api: ['runtime'] };

interface Import { readonly from: string; readonly folder: string; readonly to: string; readonly own: boolean; readonly typeOnly: boolean }

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

function importsOf(file: string): readonly Import[] {
  const text = readFileSync(join(SRC, file), 'utf8');
  const folder = file.includes('/') ? (file.split('/')[0] ?? '') : '';
  return [...text.matchAll(/^(?:import|export)\s+(type\s)?[^'";]*?from\s*'([^']+)'|^import\s+'([^']+)'|import\('([^']+)'\)/gm)].map(([, type, from, bare, dynamic]) => {
    const name = from ?? bare ?? dynamic ?? '';
    const own = name.startsWith('.');
    return { from: file, folder, to: own ? relative(SRC, resolve(SRC, dirname(file), name)) : name, own, typeOnly: type !== undefined };
  });
}

const all = files.flatMap(importsOf);

function allowed({ folder, to, own, typeOnly }: Import): boolean {
  if (!own || folder === '') return true;
  const target = to.split('/')[0] ?? '';
  return target === folder || [...(MAY[folder] ?? []), ...(typeOnly ? (TYPES_ONLY[folder] ?? []) : [])].some((may) => may === target || may === to);
}

test('there are imports to look at', () => {
  expect(all.length).toBeGreaterThan(100);
});

test('each folder imports only what it may', () => {
  expect(all.filter((each) => !allowed(each)).map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
});

test('every folder is known to the rules', () => {
  expect([...new Set(all.map(({ folder }) => folder))].filter((folder) => folder !== '' && MAY[folder] === undefined)).toEqual([]);
});

test('only runtime/loaded-kernel.ts and runtime/libnftables.ts import koffi', () => {
  expect(all.filter(({ to }) => to === 'koffi').map(({ from }) => from).sort()).toEqual(['runtime/libnftables.ts', 'runtime/loaded-kernel.ts']);
});

test('no folder for what belongs nowhere', () => {
  expect(files.filter((file) => /(^|\/)(utils?|helpers?|common|lib)\//.test(file))).toEqual([]);
});
