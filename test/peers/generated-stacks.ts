import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { Document, isCollection, isMap, isScalar, type Node } from 'yaml';
import { difference } from './compose-config.ts';
import { corpus, corpusMissing } from './corpus.ts';
import { inPairs } from './docker-compose.ts';

// Files made at random from the schema of the Compose Specification, some with a slip, some with a file laid over them (with !reset and !override in it), services that extend others, anchors, env files and profiles.
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
  env_file: ['web.env', './web.env', 'web.env', 'web.env', 'nosuch.env', '${V:-web}.env'],
  depends_on: ['web', 'db'],
  mode: ['0444', '0o600', '511', 'rw', 'ingress', 'global'],
  pairs: ['K', 'K=1', 'web', 'web=', 'db=a=b', 'data', 'a.b=${V:-d}', 'nofile= x'],
  profiles: ['web', 'a', 'db', '', '*'],
};
const groups: Readonly<Record<string, string>> = {
  interval: 'duration', timeout: 'duration', start_period: 'duration', start_interval: 'duration', stop_grace_period: 'duration', delay: 'duration', monitor: 'duration', window: 'duration',
  mem_limit: 'size', mem_reservation: 'size', memswap_limit: 'size', mem_swappiness: 'size', shm_size: 'size', memory: 'size', rate: 'size', size: 'size', retries: 'integer', replicas: 'integer', scale: 'integer',
  parallelism: 'integer', max_attempts: 'integer', cpus: 'integer', pids_limit: 'integer', published: 'integer', target: 'any', source: 'names', links: 'names', volumes_from: 'names', environment: 'pairs', labels: 'pairs', annotations: 'pairs', sysctls: 'pairs', args: 'pairs', networks: 'names', models: 'names', network_mode: 'any',
  cpu_count: 'integer', cpu_shares: 'integer', cpu_quota: 'integer', cpu_period: 'integer', cpu_percent: 'integer', cpu_rt_period: 'integer', cpu_rt_runtime: 'integer', oom_score_adj: 'integer', soft: 'integer', hard: 'integer',
  max_failure_ratio: 'integer', weight: 'integer', priority: 'integer', gw_priority: 'integer', pids: 'integer', value: 'integer', ulimits: 'integer', count: 'integer', gpus: 'integer', stdin_open: 'truth', oom_kill_disable: 'truth', enable_ipv4: 'truth', enable_ipv6: 'truth', attachable: 'truth', use_api_socket: 'truth', no_cache: 'truth', pull: 'truth', required: 'truth', disable: 'truth',
  configs: 'names', secrets: 'names', label_file: 'env_file', entrypoint: 'command', init: 'truth', tty: 'truth', privileged: 'truth', read_only: 'truth', attach: 'truth', internal: 'truth', external: 'truth', nocopy: 'truth',
};

const whole: unknown = corpusMissing === null ? JSON.parse(readFileSync(join(corpus, 'compose-spec.json'), 'utf8')) : {};
const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null;
const root: Schema = isSchema(whole) ? whole : {};

/** Those of the words that are right, by group: mostly one of them, so that most of a file counts. */
const right: Readonly<Record<string, readonly string[]>> = {
  any: ['a', 'b', 'a=b', 'x=', '', '1', '0x1f', '1.50', 'a b', './x', '/a/../b/', '~/c', '${V:-d}', '$$', 'é', 'a:b', '# no', '- x', 'a\nb\n', '\ttab', '<&>'],
  ports: ['80', '8080:80', '127.0.0.1:80:80/udp', '8000-8002:80-82', '9:9/SCTP', '80:80', '10:80'], volumes: ['data:/data', './a:/b:ro', '/x', '~/y:/z:rslave,z', 'other:/o:nocopy'], duration: ['10s', '1m30s', '1.5h', '0', '100ms'],
  size: ['64m', '1.5G', '1kb', '100'], integer: ['1', '0', '+3', '10'], truth: ['true', 'false'], extra_hosts: ['a=1.2.3.4', 'b:::1', 'c=[::1]'], devices: ['/dev/a', '/dev/a:/dev/b', '/dev/a:/dev/b:r'],
  command: ['a b', 'sh -c "x y"', "a 'b c' \\d", 'x $$(y)', 'a;b'], host_ip: ['127.0.0.1', '::'], env_file: ['web.env', './web.env'], depends_on: ['db'], mode: ['0444', '0o600', '511', 'ingress'], pull_policy: ['always', 'missing', 'daily', 'every_2w'],
  container_name: ['one', 'two.a'], names: ['web', 'db', 'data', 'other', 'default', 'front'],
};

function text(key: string): fc.Arbitrary<unknown> {
  const group = words[key] === undefined && right[key] === undefined ? groups[key] ?? 'any' : key;
  const all = words[group] ?? words['any'] ?? [];
  return fc.oneof({ arbitrary: fc.constantFrom(...right[group] ?? all), weight: 30 }, { arbitrary: fc.constantFrom(...all), weight: 1 });
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

const named = (names: readonly string[], value: (name: string) => fc.Arbitrary<unknown>): fc.Arbitrary<Readonly<Record<string, unknown>>> => fc.record(Object.fromEntries(names.map((name) => [name, value(name)])));
const NAMES = ['web', 'db', 'data', 'other', 'default', 'front'];
/** Mostly what can be made, sometimes anything of the schema's. */
const mostly = (usual: unknown, schema: string): fc.Arbitrary<unknown> => fc.oneof({ arbitrary: fc.constant(usual), weight: 60 }, { arbitrary: arbitrary(root.$defs?.[schema] ?? {}, schema, 2), weight: 1 });
const service = arbitrary(root.$defs?.['service'] ?? {}, 'service', 1);
const extending = fc.option(fc.constantFrom<unknown>('db', { service: 'db' }, { file: 'base.yaml', service: 'base' }, { file: './base.yaml', service: 'base' }, { service: 'db' }, { file: 'base.yaml', service: 'base' }), { freq: 5 }).chain((from) => fc.oneof({ arbitrary: fc.constant(from), weight: 100 }, { arbitrary: fc.constantFrom<unknown>({ service: 'nosuch' }, { file: 'nosuch.yaml', service: 'base' }), weight: 1 }));

/** A stack of which most can be made: names that are used exist. */
const stack: fc.Arbitrary<object> = fc.record({
  services: fc.record({ web: fc.tuple(service, extending).map(([made, from]) => (from === null || !isPlain(made) ? made : { ...made, extends: from })), db: service }),
  networks: fc.record({ front: arbitrary(root.$defs?.['network'] ?? {}, 'network', 2), web: fc.constant({}), db: fc.constant(null), data: fc.constant({}) }),
  volumes: fc.record({ data: arbitrary(root.$defs?.['volume'] ?? {}, 'volume', 2), other: fc.constant({}), web: fc.constant({}), db: fc.constant({}) }),
  secrets: named(NAMES, (name) => mostly({ file: `./${name}` }, 'secret')),
  configs: named(NAMES, (name) => mostly({ content: name }, 'config')),
  models: named(NAMES, (name) => mostly({ model: name }, 'model')),
}).map((made) => withImages(made));

/** What lies beside the stack's files. */
const beside = fc.record({
  base: fc.tuple(service, fc.option(service)).map(([base, other]) => withImages({ services: other === null || !isPlain(base) ? { base } : { base: { ...base, extends: 'other' }, other } })),
  environment: fc.array(fc.constantFrom('A=1', 'B="x y"', 'C=\'$A\'', 'D=${A:-z}', 'export E=e', 'F', '# no', 'G= g # h', 'H="a\\nb"', 'I=${nosuch?gone}', '', 'J=$$x', 'K:k'), { maxLength: 4 }).map((lines) => `${lines.join('\n')}\n`),
  variables: fc.constantFrom('', 'V=web\n', 'V=\n', 'V="a b"\nCOMPOSE_PROFILES=a\n'),
  profiles: fc.constantFrom<readonly string[]>([], [], ['web'], ['a', 'db'], ['*']),
  /** Numbers that say which of a file's nodes get a tag, and which services share what they have. */
  tags: fc.option(fc.array(fc.tuple(fc.nat(60), fc.boolean()), { minLength: 1, maxLength: 2 }), { freq: 2 }),
  anchor: fc.option(fc.boolean(), { freq: 6 }),
  /** A service of a file that the first one includes. */
  included: fc.option(service, { freq: 3 }),
});

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A service that has no image gets one, mostly. */
function withImages<T extends { readonly services: Readonly<Record<string, unknown>> }>(made: T): T {
  return { ...made, services: Object.fromEntries(Object.entries(made.services).map(([name, each]) => [name, isPlain(each) ? { image: name, ...each } : each])) };
}

/** As YAML; with tags at some of its values, and with a part that its first service has from an anchor. */
function yamlOf(content: object, tags: readonly (readonly [number, boolean])[] | null, anchor: boolean | null): string {
  const document = new Document(content, { aliasDuplicateObjects: false });
  const nodes: Node[] = [];
  const gather = (node: unknown, depth: number): void => {
    if (isMap(node)) for (const { key, value } of node.items) if (!isScalar(key) || key.value !== 'extends') gather(value, depth + 1); // what is taken out of an extends means nothing to anybody
    if (depth > 2 && (isCollection(node) || isScalar(node))) nodes.push(node);
  };
  gather(document.contents, 0);
  for (const [at, override] of tags ?? []) {
    const node = nodes[at % Math.max(1, nodes.length)];
    if (node !== undefined) node.tag = override ? '!override' : '!reset';
  }
  const text = document.toString({ lineWidth: 0 });
  if (anchor === null) return text;
  return text.replace(/^services:\n {2}web:\n/, `x-shared: &shared\n  labels: {shared: "yes", n: 1}\n  environment: {SHARED: "1"}\n  image: shared\nservices:\n  web:\n    <<: ${anchor ? '*shared' : '[*shared, {user: "1"}]'}\n`);
}

/** So many files, from this seed on: how those that are understood otherwise than by docker compose differ, with the files, and how many both accept. */
export async function generatedDifferences(count: number, seed: number): Promise<{ readonly found: readonly string[]; readonly accepted: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'bayplan-generated-'));
  try {
    const made = fc.sample(fc.tuple(stack, fc.option(stack, { freq: 4 }), fc.boolean(), beside), { numRuns: count, seed });
    const found: string[] = [];
    let accepted = 0;
    await inPairs([...made.entries()], async ([index, [base, over, json, more]]) => {
      const place = join(folder, String(index));
      mkdirSync(place);
      writeFileSync(join(place, 'base.yaml'), yamlOf(more.base, null, null));
      writeFileSync(join(place, 'web.env'), more.environment);
      mkdirSync(join(place, 'sub'));
      writeFileSync(join(place, 'sub/inc.yaml'), yamlOf(withImages({ name: 'inc', 'x-inc': 1, services: { inc: more.included } }), null, null));
      writeFileSync(join(place, 'sub/web.env'), more.environment);
      writeFileSync(join(place, '.env'), more.variables);
      const files = [base, over].flatMap((content, at) => {
        if (content === null) return [];
        const file = join(place, `${String(at)}.yaml`);
        const including = at === 0 && more.included !== null ? { ...content, include: ['sub/inc.yaml'] } : content;
        writeFileSync(file, json ? JSON.stringify(including) : yamlOf(including, at === 1 ? more.tags : null, at === 0 ? more.anchor : null));
        return [file];
      });
      const differs = await difference(files, [index % 2 === 0 ? 'yaml' : 'json'], () => { accepted++; }, more.profiles);
      if (differs !== null && !isKnown(differs)) found.push(`${differs}\n${JSON.stringify(more.profiles)}\n${[...files, join(place, 'base.yaml'), join(place, 'sub/inc.yaml'), join(place, 'web.env'), join(place, '.env')].map((file) => readFileSync(file, 'utf8')).join('\n---\n')}`);
    });
    return { found, accepted };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Answers of docker compose that are not taken, and why. */
const known: readonly (readonly [RegExp, string])[] = [
  [/refused there: panic: /, 'it breaks'],
  [/ulimits:\\n +'#extensions'/, 'it makes a limit of a name of its own of what extensions ulimits have'],
  [/error calling MarshalJSON for type types.SSHKey/, 'it breaks'],
  [/\? \|/, 'it writes a key of several lines below a question mark; ours, in quotes, is the same key'],
  [/invalid size: '-1'/, 'from 5.0 on it takes "-1" for no limit too'],
  [/refused there: validating .*\/1\.yaml: \S+labels must be a mapping/, 'one label in both files is no mistake'],
  [/refused there: (validating .*\/0\.yaml|services\.\w+ must be a mapping)/, 'what the second file replaces as a whole is not judged'],
  [/refused there: error while interpolating .* failed to cast/, 'what the second file replaces as a whole is not judged'],
  [/mode: expected an octal mode such as 0444, got the number \d*\.\d/, 'a fraction is no mode'],
  [/ssh:\\n.*: \/tmp\/[^/]+\/[\d.]+'/, 'a number is no path of a key'],
  [/[wW]eight' expected type 'uint16', got unconvertible type 'string'/, 'the schema has a weight as text, which it then cannot read'],
  [/secrets\[\w+\]\.driver_opts\[\S+\]' expected type 'string', got unconvertible type 'float64'/, 'a fraction that is an option of a driver; everywhere else it reads one'],
  [/base\.yaml:\d+:\d+: \S+: .* is in the list twice; take one out/, 'what is said twice in a file that is extended is a mistake there too'],
  [/build\.ulimits\.\S+: invalid type string for external/, 'the schema has a limit as text, which it then cannot read'],
  [/refused there: extends\.web\.service is required/, 'what is taken out of it stays out'],
  [/extra_hosts(\\")?: \[\]/, 'a host without an address'],
  [/there ".*count.*-1(\\n {8}\},\\n {8}\{|\\n {6}- count: -1)/, 'all GPUs asked for twice are all GPUs'],
  [/refused here: .*expected "raw" or no format, got/, 'a format of no name is a mistake, whether its file is there or not'],
  [/refused there: (secret "\w+" must declare|cannot override services|(networks|volumes|secrets|configs)\.\w+: name and external\.name conflict|.*items at \d+ and \d+ are equal)/, 'what the second file replaces as a whole is not judged'],
  [/refused here: .*(base|inc)\.yaml:\d+:\d+: \S+\.(sbom|provenance): expected a string, got the number/, 'a number is no text, in a file that is extended either'],
  [/refused here: .*got the date/, 'where it merges two files it takes a date for text, and else refuses it'],
];

function isKnown(found: string): boolean {
  return known.some(([pattern]) => pattern.test(found));
}
