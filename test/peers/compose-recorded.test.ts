import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { configOf, loadStack, type LoadInput, type OptionalPass } from '../../src/stack/index.ts';
import { parseEnvFile } from '../../src/stack/dotenv.ts';
import { mergeTrees, stackRule, withoutTags } from '../../src/stack/merge.ts';
import { Mistakes } from '../../src/stack/mistake.ts';
import { parseFile } from '../../src/stack/parse.ts';
import { parsePortSpec } from '../../src/stack/port-spec.ts';
import { fillTemplate } from '../../src/stack/template.ts';
import { plain, type Tree } from '../../src/stack/tree.ts';
import { parseVolumeSpec } from '../../src/stack/volume-spec.ts';
import { corpus, corpusMissing, expectations, recorded } from './corpus.ts';
import { describeWherePresent } from '../where-present.ts';

// What compose-go's own test suite asks of its loader, and what it answers.

type Row = Readonly<Record<string, unknown>>;
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const record = (value: unknown): Row => (typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {});
const texts = (value: unknown): Readonly<Record<string, string>> => Object.fromEntries(Object.entries(record(value)).flatMap(([key, each]) => (typeof each === 'string' ? [[key, each]] : [])));

/** The reason for cases that need a checkout of compose-go. */
const absent = 'reads a file of compose-go that the corpus does not have';

/** Runs all cases; those that differ are the ones listed in `file`, neither more nor fewer. */
function replay(kind: string, file: string, differs: (row: Row) => string | null): void {
  const found: Record<string, string> = {};
  for (const [index, row] of recorded(kind).entries()) {
    const difference = differs(row);
    if (difference !== null) found[`${kind} ${String(index + 1)} ${text(row['test'])}`] = difference;
  }
  const known = Object.entries(expectations(file)).filter(([key]) => key.startsWith(`${kind} `));
  expect(Object.entries(found).filter(([key]) => !known.some(([name]) => name === key)), 'differences that nobody has explained').toEqual([]);
  expect(known.filter(([name, why]) => found[name] === undefined && !(process.env['BAYPLAN_COMPOSE_GO'] !== undefined && why === absent)).map(([name]) => name), 'explained differences that are none').toEqual([]);
}

const same = (ours: unknown, theirs: unknown): string | null => {
  const [a, b] = [JSON.stringify(sorted(ours)), JSON.stringify(sorted(theirs))];
  return a === b ? null : `ours ${a.slice(0, 1500)} theirs ${b.slice(0, 1500)}`;
};

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, each]) => [key, sorted(each)]));
}

const differences = 'compose-recorded.differences.json';

describeWherePresent([corpusMissing], 'compose-go', () => {
  test('variables', () => {
    replay('template', differences, (row) => {
      const lookups = texts(row['lookups']);
      const { text: filled, problem } = fillTemplate(text(row['template']), (name) => (Object.hasOwn(lookups, name) ? lookups[name] : undefined), () => undefined);
      if (row['error'] !== null) return problem === null ? `ours ${filled}, theirs: ${text(row['error'])}` : null;
      return problem === null ? same(filled, row['result']) : `ours: ${problem.message}, theirs ${text(row['result'])}`;
    });
  });

  test('env files', () => {
    replay('dotenv', differences, (row) => {
      const [lookups, before] = [texts(row['lookups']), texts(row['pre'])];
      const mistakes = new Mistakes();
      const found = parseEnvFile('.env', text(row['src']), (name) => (Object.hasOwn(lookups, name) ? lookups[name] : undefined), mistakes, { earlier: (name) => (Object.hasOwn(before, name) ? before[name] : undefined) });
      if (row['error'] !== null) return mistakes.count === 0 ? `ours ${JSON.stringify([...found])}, theirs: ${text(row['error'])}` : null;
      return mistakes.count === 0 ? same({ ...before, ...Object.fromEntries(found) }, row['result']) : `ours: ${mistakes.all()[0]?.message ?? ''}`;
    });
  });

  test('short ports', () => {
    replay('ports', differences, (row) => {
      const ports = parsePortSpec(text(row['input']));
      if (row['error'] !== null) return typeof ports === 'string' ? null : `theirs: ${text(row['error'])}`;
      return typeof ports === 'string' ? `ours: ${ports}` : same(ports, row['result']);
    });
  });

  test('short volumes', () => {
    replay('volumes', differences, (row) => {
      const volume = parseVolumeSpec(text(row['input']));
      if (row['error'] !== null) return typeof volume === 'string' ? null : `theirs: ${text(row['error'])}`;
      // The recorder left `false` and the path's short cut out.
      const { bind, ...rest } = record(volume);
      return typeof volume === 'string' ? `ours: ${volume}` : same({ ...rest, ...(bind === undefined ? {} : { bind: { ...record(bind), create_host_path: undefined } }) }, withoutCreate(record(row['result'])));
    });
  });

  test('merging', () => {
    replay('merge', differences, (row) => {
      const [base, over, want] = ['base', 'override', 'want'].map((key): Tree | undefined => parseFile('/compose.yaml', text(row[key]), new Mistakes())[0]);
      if (base === undefined || over === undefined || want === undefined) return 'not read';
      const merged = mergeTrees(base, over, stackRule);
      return same(asRead(merged), asRead(want));
    });
  });

  test('whole files', () => {
    replay('load', differences, (row) => {
      const options = record(row['options']);
      const { project, mistakes } = loadStack(inputOf(row, options));
      if (row['error'] !== null) return project === null ? null : `theirs: ${text(row['error'])}`;
      if (row['project'] === undefined || row['project'] === null) return project === null ? `ours: ${mistakes[0]?.message ?? ''}` : null; // a model without a project was asked for
      if (project === null) return `ours: ${mistakes.map(({ message }) => message).join('; ').slice(0, 300)}`;
      return same(normalized(configOf(project)), normalized(withoutMachine(row['project'])));
    });
  });
});

function withoutCreate(volume: Row): Row {
  return volume['bind'] === undefined ? volume : { ...volume, bind: { ...record(volume['bind']), create_host_path: undefined } };
}

/** What a merged tree means: sequences of `KEY=value` and mappings are the same. */
function asRead(tree: Tree): unknown {
  const services = record(plain(withoutTags(tree)))['services'];
  return { services: Object.fromEntries(Object.entries(record(services)).map(([name, service]) => [name, meaningOf(record(service))])) };
}

const unordered = ['annotations', 'labels', 'environment', 'sysctls', 'args', 'additional_contexts', 'extra_hosts'];

function meaningOf(service: Row): Row {
  return Object.fromEntries(Object.entries(service).map(([key, value]) => {
    if (key === 'build' || key === 'deploy') return [key, typeof value === 'string' ? { context: value } : meaningOf(record(value))];
    if (key === 'networks' || key === 'models') return [key, Array.isArray(value) ? Object.fromEntries(value.map((name) => [String(name), null])) : value];
    if (!unordered.includes(key)) return [key, typeof value === 'string' && ['dns', 'dns_search', 'env_file', 'label_file', 'tmpfs'].includes(key) ? [value] : value];
    const pairs = Array.isArray(value) ? value.map(String) : Object.entries(record(value)).map(([name, each]) => (each === null ? name : `${name}=${String(each)}`));
    return [key, pairs.sort()];
  }));
}

/** A checkout of compose-go, for the files that its tests read; the corpus has some of them. */
const checkout = process.env['BAYPLAN_COMPOSE_GO'] ?? join(corpus, 'files', 'compose-spec+compose-go');
/** Stands for a working folder that the test did not name: paths stay relative to it. */
const nowhere = '/nowhere';

function inputOf(row: Row, options: Row): LoadInput {
  const files = Array.isArray(row['files']) ? row['files'].map(record) : [];
  const workingDir = text(row['workingDir']) === '' ? nowhere : absolute(text(row['workingDir']), nowhere);
  const named = files.map((file) => ({ path: absolute(text(file['filename']), workingDir), content: text(file['content']) }));
  const tree = Object.fromEntries(Object.entries(texts(row['tree'])).map(([path, content]) => [absolute(path), content]));
  // Relative paths are from the folder of the test.
  const here = join(checkout, text(row['test']).replace(/\/[^/]*$/, ''));
  const onDisk = (path: string): string | null => (existsSync(path) && statSync(path).isFile() ? readFileSync(path, 'utf8') : null);
  const read = (path: string): string | null => named.find((file) => file.path === path)?.content ?? tree[path] ?? onDisk(path.startsWith(`${nowhere}/`) ? join(here, path.slice(nowhere.length)) : path.startsWith('/') ? path : join(here, path));
  const passes: readonly [OptionalPass, boolean][] = [
    ['normalize', options['skipNormalization'] === true], ['consistency', options['skipConsistencyCheck'] === true], ['paths', options['resolvePaths'] !== true],
  ];
  return {
    files: named.map(({ path }) => path), workingDir, read, profiles: Array.isArray(options['profiles']) ? options['profiles'].map(String) : [], envFiles: [],
    projectName: text(options['projectName']) === '' ? null : text(options['projectName']), environment: texts(row['env']), keepUnused: options['prune'] !== true,
    services: Array.isArray(options['selectedServices']) ? options['selectedServices'].map(String) : [],
    without: new Set(passes.filter(([, left]) => left).map(([pass]) => pass)),
  };
}

function absolute(path: string, folder = '/'): string {
  const replaced = path.replaceAll('@COMPOSE_GO@', checkout);
  return replaced.startsWith('/') ? replaced : join(folder, replaced);
}

function withoutMachine(project: unknown): unknown {
  return JSON.parse(JSON.stringify(project).replaceAll('@COMPOSE_GO@', checkout));
}

/** Paths that are relative to the folder of a test, or to none. */
const relativeStart = new RegExp(`^(?:${nowhere}|${join(checkout, 'loader')})((?:/.*)?)$`);

/** What differs between versions of docker compose itself, or was not recorded. */
function normalized(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normalized);
  if (typeof value === 'string') return value.replaceAll('$$', '$').replace(relativeStart, (_, more: string) => (more === '' ? '.' : more.slice(1)));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => key !== 'create_host_path' && key !== 'env_file' && key !== 'label_file').map(([key, each]) => [key, normalized(each)] as const);
  return Object.fromEntries(entries);
}
