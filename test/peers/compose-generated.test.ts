import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { difference } from './compose-config.ts';
import { corpus, corpusMissing } from './corpus.ts';
import { composeMissing, inPairs } from './docker-compose.ts';
import { describeWherePresent } from '../where-present.ts';

// Files made at random from the schema of the Compose Specification, some with a slip, some with a file laid over them. BAYPLAN_GENERATED says how many,
// BAYPLAN_SEED from which seed on.
const count = Number(process.env['BAYPLAN_GENERATED'] ?? 60);
const seed = Number(process.env['BAYPLAN_SEED'] ?? 1);

interface Schema {
  readonly $ref?: string; readonly oneOf?: readonly Schema[]; readonly enum?: readonly unknown[]; readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>; readonly patternProperties?: Readonly<Record<string, Schema>>; readonly items?: Schema; readonly required?: readonly string[];
  readonly $defs?: Readonly<Record<string, Schema>>;
}

/** Newer than the docker compose that is compared with. */
const newer = ['pre_start', 'no_cache_filter', 'include', 'pull_refresh_after', 'per_replica'];

/** Words that mean something where a string may stand, by key. */
const words: Readonly<Record<string, readonly string[]>> = {
  any: ['a', 'b', 'a=b', 'x=', '', 'yes', '1', '0x1f', '1.50', 'a b', './x', '/a/../b/', '~/c', '${V:-d}', '$$', 'é', 'a:b', 'null', '# no', '2020-01-01', '- x', 'a\nb\n', '\ttab', '<&>'],
  ports: ['80', '8080:80', '127.0.0.1:80:80/udp', '8000-8002:80-82', '[::1]:1:2', '9:9/SCTP', '70000', '1-3:5'],
  volumes: ['data:/data', './a:/b:ro', '/x', '~/y:/z:rslave,z', 'data:/a/b/../c', 'C:\\x:/win', 'other:/o:nocopy', ':x:', '/a:/b:ro:x'],
  duration: ['10s', '1m30s', '1.5h', '2d', '0', '100ms', '-1s', '10', '1us'],
  size: ['64m', '1.5G', '1kb', '100', '1GiB', '0', '-1', '1x', '1 m'],
  integer: ['1', '0', '-5', '+3', '1.5', 'x'],
  truth: ['true', 'yes', 'OFF', 'n', 'maybe'],
  names: ['web', 'db', 'data', 'other', 'default', 'front'],
  extra_hosts: ['a=1.2.3.4', 'b:::1', 'c=[::1]', 'd=1.1.1.1,2.2.2.2', 'none'],
  devices: ['/dev/a', '/dev/a:/dev/b', '/dev/a:/dev/b:r', 'a:b:c:d'],
  command: ['a b', 'sh -c "x y"', "a 'b c' \\d", 'a | b', 'a "b', '', 'x $$(y)', 'a;b', 'a `b c` d', 'a\\nb'],
  host_ip: ['127.0.0.1', '::', '1.2.3', ''],
};
const groups: Readonly<Record<string, string>> = {
  interval: 'duration', timeout: 'duration', start_period: 'duration', start_interval: 'duration', stop_grace_period: 'duration', delay: 'duration', monitor: 'duration', window: 'duration',
  mem_limit: 'size', mem_reservation: 'size', memswap_limit: 'size', mem_swappiness: 'size', shm_size: 'size', memory: 'size', rate: 'size', size: 'size', retries: 'integer', replicas: 'integer', scale: 'integer',
  parallelism: 'integer', max_attempts: 'integer', cpus: 'integer', pids_limit: 'integer', published: 'integer', target: 'any', source: 'names', links: 'names', volumes_from: 'names', profiles: 'names', networks: 'names', models: 'names', network_mode: 'any',
  configs: 'names', secrets: 'names', entrypoint: 'command', init: 'truth', tty: 'truth', privileged: 'truth', read_only: 'truth', attach: 'truth', internal: 'truth', external: 'truth', nocopy: 'truth',
};

const whole: unknown = corpusMissing === null ? JSON.parse(readFileSync(join(corpus, 'compose-spec.json'), 'utf8')) : {};
const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null;
const root: Schema = isSchema(whole) ? whole : {};

function text(key: string): fc.Arbitrary<unknown> {
  const group = words[key] ?? words[groups[key] ?? 'any'] ?? [];
  return fc.constantFrom(...group);
}

function arbitrary(schema: Schema, key: string, depth: number): fc.Arbitrary<unknown> {
  const slip = fc.constantFrom<unknown>(null, 1, 1.5, true, 'x', [], {}, [null], ['a', 'a'], { 'x-y': 1 }, -1, '');
  return fc.oneof({ arbitrary: well(schema, key, depth), weight: 150 }, { arbitrary: slip, weight: 1 });
}

function well(schema: Schema, key: string, depth: number): fc.Arbitrary<unknown> {
  const named = schema.$ref === undefined ? undefined : root.$defs?.[schema.$ref.replace('#/$defs/', '')];
  if (named !== undefined) return well(named, key, depth);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.oneOf !== undefined) return fc.oneof(...schema.oneOf.map((each) => well(each, key, depth)));
  const types = typeof schema.type === 'string' ? [schema.type] : schema.type ?? ['string'];
  return fc.oneof(...types.map((type) => typed(type, schema, key, depth)));
}

function typed(type: string, schema: Schema, key: string, depth: number): fc.Arbitrary<unknown> {
  if (type === 'null') return fc.constant(null);
  if (type === 'boolean') return fc.boolean();
  if (type === 'integer') return fc.constantFrom(0, 1, 2, 10, 80, 300);
  if (type === 'number') return fc.constantFrom(0, 1, 0.5, 1.25, 80, 1e6, 12345678.5);
  if (type === 'array') return fc.array(arbitrary(schema.items ?? {}, key, depth + 1), { maxLength: depth > 4 ? 1 : 3 });
  if (type !== 'object') return text(key);
  const properties = Object.entries(schema.properties ?? {}).filter(([name]) => !newer.includes(name));
  const most = Math.min(properties.length, Math.max(schema.required?.length ?? 0, depth === 1 ? 7 : 4));
  const own = fc.shuffledSubarray(properties, { maxLength: most }).chain((kept) => fc.record(Object.fromEntries(
    properties.filter((each) => kept.includes(each) || schema.required?.includes(each[0]) === true).map(([name, each]) => [name, arbitrary(each, name, depth + 1)]))));
  const patterns = Object.entries(schema.patternProperties ?? {}).filter(([pattern]) => pattern !== '^x-');
  if (patterns.length === 0) return own;
  const others = fc.dictionary(fc.constantFrom('web', 'db', 'data', 'nofile', 'K', 'a.b'), arbitrary(patterns[0]?.[1] ?? {}, key, depth + 1), { maxKeys: 2 });
  return fc.tuple(own, others).map(([a, b]) => ({ ...a, ...b }));
}

/** A stack of which most can be made: names that are used exist. */
const stack: fc.Arbitrary<object> = fc.record({
  services: fc.record({ web: arbitrary(root.$defs?.['service'] ?? {}, 'service', 1), db: arbitrary(root.$defs?.['service'] ?? {}, 'service', 1) }),
  networks: fc.record({ front: arbitrary(root.$defs?.['network'] ?? {}, 'network', 2), web: fc.constant({}), db: fc.constant(null), data: fc.constant({}) }),
  volumes: fc.record({ data: arbitrary(root.$defs?.['volume'] ?? {}, 'volume', 2), other: fc.constant({}), web: fc.constant({}), db: fc.constant({}) }),
  secrets: fc.constant(Object.fromEntries(['web', 'db', 'data', 'other', 'default', 'front'].map((name) => [name, { file: `./${name}` }]))),
  configs: fc.constant(Object.fromEntries(['web', 'db', 'data', 'other', 'default', 'front'].map((name) => [name, { content: name }]))),
  models: fc.constant(Object.fromEntries(['web', 'db', 'data', 'other', 'default', 'front'].map((name) => [name, { model: name }]))),
}).map((made) => withImages(made));

/** A service that has no image gets one, mostly. */
function withImages<T extends { readonly services: Readonly<Record<string, unknown>> }>(made: T): T {
  return { ...made, services: Object.fromEntries(Object.entries(made.services).map(([name, service]) => [name, typeof service === 'object' && service !== null && !Array.isArray(service) ? { image: name, ...service } : service])) };
}

describeWherePresent([corpusMissing, composeMissing], 'files made from the schema', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bayplan-generated-'));
  afterAll(() => { rmSync(folder, { recursive: true }); });

  test('mean what they mean to docker compose', async () => {
    const made = fc.sample(fc.tuple(stack, fc.option(stack, { freq: 4 }), fc.boolean()), { numRuns: count, seed });
    const found: string[] = [];
    let accepted = 0;
    await inPairs([...made.entries()], async ([index, [base, over, json]]) => {
      const files = [base, over].flatMap((content, at) => {
        if (content === null) return [];
        const file = join(folder, `${String(index)}-${String(at)}.yaml`);
        writeFileSync(file, json ? JSON.stringify(content) : stringify(content, { aliasDuplicateObjects: false }));
        return [file];
      });
      const differs = await difference(files, ['yaml'], () => { accepted++; });
      if (differs !== null && !isKnown(differs)) found.push(`${differs}\n${files.map((file) => readFileSync(file, 'utf8')).join('\n---\n')}`);
    });
    expect(found).toEqual([]);
    if (count >= 60) expect(accepted, 'files that both accept').toBeGreaterThan(0);
  }, 60_000 + 1000 * count);
});

/** Answers of docker compose that are not taken, and why. */
const known: readonly (readonly [RegExp, string])[] = [
  [/refused there: panic: /, 'it breaks'],
  [/error calling MarshalJSON for type types.SSHKey/, 'it breaks'],
  [/\? \|/, 'it writes a key of several lines below a question mark; ours, in quotes, is the same key'],
  [/invalid size: '-1'/, 'from 5.0 on it takes "-1" for no limit too'],
  [/refused there: validating .*-1\.yaml: \S+labels must be a mapping/, 'one label in both files is no mistake'],
  [/refused there: (validating .*-0\.yaml|services\.\w+ must be a mapping)/, 'what the second file replaces as a whole is not judged'],
  [/refused there: error while interpolating .* failed to cast/, 'what the second file replaces as a whole is not judged'],
  [/mode: expected an octal mode such as 0444, got the number \d*\.\d/, 'a fraction is no mode'],
  [/ssh:\\n.*: \/tmp\/[^/]+\/[\d.]+'/, 'a number is no path of a key'],
  [/refused here: .*got the date/, 'where it merges two files it takes a date for text, and else refuses it'],
];

function isKnown(found: string): boolean {
  return known.some(([pattern]) => pattern.test(found));
}
