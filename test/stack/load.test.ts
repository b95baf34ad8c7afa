import * as fc from 'fast-check';
import type { Project } from '../../src/stack/index.ts';
import { describe, expect, test } from 'vitest';
import { configYaml, desiredOf, findStackFiles } from '../../src/stack/index.ts';
import { loadText, mistakesOf, projectOf } from './load-text.ts';

const web = (rest: string): string => `services:\n  web:\n    image: demo\n${rest}`;

describe('the project name', () => {
  test.each<[string, string, Parameters<typeof projectOf>[1], string]>([
    ['is -p first', 'name: file\n', { projectName: 'option', environment: { COMPOSE_PROJECT_NAME: 'env' } }, 'option'],
    ['is COMPOSE_PROJECT_NAME then', 'name: file\n', { environment: { COMPOSE_PROJECT_NAME: 'env' } }, 'env'],
    ['is that of the file then', 'name: ${N:-file}\n', {}, 'file'],
    ['is the folder at last', '', { workingDir: '/srv/My App.2' }, 'myapp2'],
  ])('%s', (_what, head, options, expected) => { expect(projectOf(`${head}services: {}\n`, options).name).toBe(expected); });

  test('cannot be a wrong one', () => { expect(mistakesOf('services: {}\n', { projectName: '-x' })[0]).toContain('-p: expected a project name'); });
});

describe('variables', () => {
  test('come from the process, then .env, and warn once where they are not set', () => {
    const { project, warnings } = loadText(web('    user: $A-$B-$C\n    hostname: $C\n    labels: { name: $COMPOSE_PROJECT_NAME, $A: "$$A" }\n'), { environment: { A: 'process' } }, { '/app/.env': 'A=file\nB=${A}2\n' });
    expect(project?.services['web']).toMatchObject({ user: 'process-process2-', hostname: '', labels: { name: 'app', $A: '$A' } });
    expect(warnings).toEqual(["/app/compose.yaml:4:11: variable C is not set, '' is used"]);
  });

  test('of --env-file replace .env', () => {
    const files = { '/app/.env': 'A=1', '/app/b.env': 'A=2', '/app/c.env': 'B=$A' };
    expect(projectOf(web('    user: $A$B\n'), { envFiles: ['/app/b.env', '/app/c.env'] }, files).services['web']?.user).toBe('22');
    expect(mistakesOf(web(''), { envFiles: ['/app/none.env'] })).toEqual(['/app/none.env: the env file does not exist']);
  });

  test('make numbers, flags and sizes', () => {
    const service = projectOf(web('    read_only: $T\n    cpus: $C\n    mem_limit: $M\n    ports: ["$P:80"]\n'), { environment: { T: 'yes', C: '1.5', M: '1g', P: '8080' } }).services['web'];
    expect(service).toMatchObject({ read_only: true, cpus: 1.5, mem_limit: '1073741824', ports: [{ published: '8080' }] });
  });
});

test('the environment: env files in order, environment over them, names without a value inherited', () => {
  const text = web('    env_file: [a.env, { path: none.env, required: false }, { path: raw.env, format: raw }]\n    environment: [X=own, INHERITED, ABSENT, N=1]\n');
  const files = { '/app/a.env': 'A=1\nX=file\nB=$X\nABSENT=set\n', '/app/raw.env': 'R="$A"\n' };
  expect(projectOf(text, { environment: { INHERITED: 'yes' } }, files).services['web']?.environment).toEqual({ A: '1', X: 'own', B: 'own', R: '"$A"', INHERITED: 'yes', ABSENT: null, N: '1' });
});

test('numbers that Go does not hold are text, or lose their last digits, as in docker compose', () => {
  const numbers = ['6e1234567', '-6E1234567', '1e400', '-9223372036854775808', '-9223372036854775809', '+9223372036854775809', '-9999999999999999999', '-18446744073709551615', '6e123', '.inf'];
  const service = projectOf(web(`    environment:\n${numbers.map((number, index) => `      N${String(index)}: ${number}\n`).join('')}`)).services['web'];
  expect(Object.values(service?.environment ?? {})).toEqual([
    '6e1234567', '-6E1234567', '1e400', '-9223372036854775808', '-9.223372036854776e+18', '9.223372036854776e+18', '-1e+19', '-1.8446744073709552e+19', '6e+123', '+Inf',
  ]);
});

test('scalars: numbers, octal modes, words that were booleans once', () => {
  const service = projectOf(web('    environment: { A: 1.10, B: 0444, C: yes, D: true, E: 12345678901234567890, F: }\n    init: yes\n')).services['web'];
  expect(service?.environment).toEqual({ A: '1.1', B: '292', C: 'yes', D: 'true', E: '12345678901234567890', F: null });
  expect(service?.init).toBe(true);
});

test('anchors, aliases and merge keys', () => {
  const text = `x-base: &base
  image: demo
  environment: &env { A: "1", B: "2" }
x-more: &more { user: nobody, image: other }
services:
  a: { <<: *base }
  b:
    <<: [*base, *more]
    environment: { <<: *env, B: "3" }
`;
  const { a, b } = projectOf(text).services;
  expect(a).toMatchObject({ image: 'demo', environment: { A: '1', B: '2' } });
  expect(b).toMatchObject({ image: 'demo', user: 'nobody', environment: { A: '1', B: '3' } });
});

test('several files: an override is merged by the rules of each key', () => {
  const over = `services:
  web:
    command: b
    environment: [B=3, C=4]
    ports: ["8080:80", "9090:90"]
    volumes: ["./other:/data", "/extra"]
    cap_add: [NET_ADMIN, KILL]
    depends_on: { db: { condition: service_healthy } }
    labels: !reset {}
    dns: !override [9.9.9.9]
    networks: { back: { aliases: [w] } }
    healthcheck: { test: ["CMD", "y"] }
    logging: { driver: syslog }
`;
  const text = `services:
  web:
    image: demo
    command: a
    environment: { A: 1, B: 2 }
    ports: ["8080:80"]
    volumes: ["data:/data"]
    cap_add: [NET_ADMIN]
    depends_on: [db]
    labels: { a: b }
    dns: 8.8.8.8
    networks: [front]
    healthcheck: { test: ["CMD", "x"], interval: 5s }
    logging: { driver: local, options: { max-size: 1m } }
  db: { image: db }
networks: { front: , back: }
volumes: { data: }
`;
  const service = projectOf(text, { files: ['/app/compose.yaml', '/app/over.yaml'] }, { '/app/over.yaml': over }).services['web'];
  expect(service).toMatchObject({
    command: ['b'], environment: { A: '1', B: '3', C: '4' }, cap_add: ['NET_ADMIN', 'KILL'], dns: ['9.9.9.9'],
    depends_on: { db: { condition: 'service_healthy', required: true } }, networks: { front: null, back: { aliases: ['w'] } },
    healthcheck: { test: ['CMD', 'y'], interval: '5s' }, logging: { driver: 'syslog' },
  });
  expect(service?.labels).toBeUndefined();
  expect(service?.logging?.options).toBeUndefined();
  expect(service?.ports?.map((port) => port.published)).toEqual(['8080', '9090']);
  expect(service?.volumes?.map((volume) => `${volume.source ?? ''}:${volume.target ?? ''}`)).toEqual(['/app/other:/data', ':/extra']);
});

test('an item of a list that is no name stays in what several files merge', () => {
  const { services } = projectOf('services: { web: { image: x, sysctls: ["", "a=b"] } }', { files: ['/app/compose.yaml', '/app/over.yaml'] }, { '/app/over.yaml': 'services: { web: { sysctls: [c=d] } }' });
  expect(services['web']?.sysctls).toEqual({ '': '', a: 'b', c: 'd' });
});

test('a mistake in an override file stands in that file', () => {
  expect(mistakesOf(web(''), { files: ['/app/compose.yaml', '/app/over.yaml'] }, { '/app/over.yaml': 'services:\n  web: { prots: [] }\n' })).toEqual(['/app/over.yaml:2:10: services.web: unknown key "prots" in a service; did you mean "ports"?']);
});

describe('extends', () => {
  test('in the same file and from another folder, whose paths stay its own', () => {
    const text = 'services:\n  base: { image: demo, environment: { A: 1 } }\n  web: { extends: base, environment: { B: 2 } }\n  far: { extends: { file: sub/common.yaml, service: far }, user: me }\n';
    const files = { '/app/sub/common.yaml': 'services:\n  far: { image: far, volumes: ["./d:/d"], env_file: f.env }\n', '/app/sub/f.env': 'F=1' };
    const { web: near, far } = projectOf(text, {}, files).services;
    expect(near).toMatchObject({ image: 'demo', environment: { A: '1', B: '2' } });
    expect(far).toMatchObject({ image: 'far', user: 'me', environment: { F: '1' }, volumes: [{ source: '/app/sub/d', target: '/d' }] });
  });


  test('takes the paths of an extended or included file from its own folder: contexts, folders of volumes; relative where they are not to be made absolute', () => {
    const text = 'include: [sub/inc.yaml]\nservices:\n  a: { extends: { file: sub/base.yaml, service: b } }\n';
    const files = {
      '/app/sub/base.yaml': 'services:\n  b: { image: x, build: { context: ., additional_contexts: { r: ../r, d: "docker-image://d" } }, volumes: ["./d:/d", "../u:/u:ro"] }\n',
      '/app/sub/inc.yaml': 'services:\n  i: { image: x, volumes: ["vol:/v", "./e:/e", "/f/../g/:/g"] }\nvolumes: { vol: { driver: local, driver_opts: { type: none, o: bind, device: ./dev } } }\n',
    };
    const seen = (project: Project): unknown => ({
      contexts: project.services['a']?.build?.additional_contexts, context: project.services['a']?.build?.context, mounts: [...project.services['a']?.volumes ?? [], ...project.services['i']?.volumes ?? []].map(({ source }) => source), device: project.volumes['vol']?.driver_opts?.['device'],
    });
    expect(seen(projectOf(text, {}, files))).toEqual({ contexts: { r: '/app/r', d: 'docker-image://d' }, context: '/app/sub', mounts: ['/app/sub/d', '/app/u', 'vol', '/app/sub/e', '/f/../g/'], device: '/app/sub/dev' });
    expect(seen(projectOf('services:\n  a: { extends: { file: sub/base.yaml, service: b } }\n', {}, { '/app/sub/base.yaml': 'services:\n  b: { image: x, build: { context: "", additional_contexts: { r: "" } } }\n' }))).toMatchObject({ contexts: { r: '' }, context: '' });
    expect(seen(projectOf(text, { without: new Set(['paths']) }, files))).toEqual({ contexts: { r: 'r', d: 'docker-image://d' }, context: 'sub', mounts: ['sub/d', 'u', 'vol', 'sub/e', '/f/../g/'], device: 'sub/dev' });
  });

  test('its mistakes', () => {
    // A service without a body in another file gives nothing, and the key stays, as docker compose has it.
    const { services } = projectOf('services:\n  a: { extends: { file: no.yaml, service: b }, image: x }\n', {}, { '/app/no.yaml': 'services:\n  b:\n' });
    expect(services['a']).toMatchObject({ image: 'x', extends: { service: 'b', file: '/app/no.yaml' } });
    expect(mistakesOf('services:\n  a: { extends: b, image: x }\n  b: { extends: a }\n')[0]).toContain('extends in a cycle: a → b → a');
    expect(mistakesOf('services:\n  web: { image: x }\n  a: { extends: wbe, image: x }\n')).toEqual(['/app/compose.yaml:3:17: services.a.extends: service "wbe" is not in /app/compose.yaml; did you mean "web"?']);
    expect(mistakesOf('services:\n  a: { extends: { file: no.yaml, service: a }, image: x }\n')).toEqual(['/app/compose.yaml:2:25: file /app/no.yaml to extend from does not exist; create it, or correct the path']);
  });
});

describe('include', () => {
  test('merges below the including file, with the included folder and .env', () => {
    const text = 'include: [sub/compose.yaml]\nservices:\n  db: { user: me }\n';
    const files = { '/app/sub/compose.yaml': 'services:\n  db: { image: "$IMAGE", volumes: ["./d:/d"], user: other }\n', '/app/sub/.env': 'IMAGE=db' };
    expect(projectOf('include: [sub/compose.yaml]\nx-a: 1\n', {}, { '/app/sub/compose.yaml': 'name: other\nx-b: 2\nservices: { a: { image: a, x-c: 3 } }\n' })).toMatchObject({ name: 'app', extensions: { 'x-a': 1 }, services: { a: { 'x-c': 3 } } });
    expect(mistakesOf('include: [sub/compose.yaml]\n', {}, { '/app/sub/compose.yaml': 'servics: {}\n' })).toEqual([expect.stringContaining('/app/sub/compose.yaml:1:1: unknown key "servics"')]);
    expect(projectOf(text, {}, files).services['db']).toMatchObject({ image: 'db', user: 'me', volumes: [{ source: '/app/sub/d' }] });
  });

  test('its mistakes', () => {
    expect(mistakesOf('include: [compose.yaml]\nservices: {}\n')[0]).toContain('files include each other: /app/compose.yaml → /app/compose.yaml');
    expect(mistakesOf('include:\n  - no.yaml\nservices: {}\n')).toEqual(['/app/compose.yaml:2:5: include: file /app/no.yaml does not exist; create it, or correct the path']);
  });
});

test('a name that is empty is as if it were not there, unless a variable makes it so', () => {
  expect(projectOf('name: ""\nservices: { a: { image: a } }\n').name).toBe('app');
  expect(mistakesOf('name: ${NONE}\nservices: { a: { image: a } }\n')).toEqual([expect.stringMatching(/:1:7: name: expected a project name of .*, got ""$/)]);
});

test('a service extends one of this file where the file is left empty', () => {
  expect(projectOf('services:\n  a: { extends: { file: , service: b } }\n  b: { image: b }\n').services['a']).toMatchObject({ image: 'b' });
});

test.each([
  ['a: { image: a, extends: a }', '2:27: services.a.extends: a service cannot extend itself; name another one, or a file with one of this name'],
  ['a: { image: a, extends: { file: b.yaml } }', '2:27: services.a.extends: expected the key "service", got none; add service:'],
  ['a: { image: a, env_file: [{ path: a.env, format: foo }] }', '2:29: services.a.env_file: expected "raw" or no format, got "foo"'],
])('%s', (service, message) => {
  expect(mistakesOf(`services:\n  ${service}\n`, {}, { '/app/a.env': 'A=1\n' })).toEqual([`/app/compose.yaml:${message}`]);
});

test('a number that no float holds is text', () => {
  expect(projectOf('services: { a: { image: a, environment: { REV: 6e1234567, B: -1e999, C: 1e-999 } } }\n').services['a']?.environment).toEqual({ REV: '6e1234567', B: '-1e999', C: '0' });
});

describe('profiles', () => {
  test('are active where a service of theirs is named, but not for one that is active without', () => {
    const of = 'services:\n  a: { image: a }\n  b: { image: b, profiles: [p, q] }\n  c: { image: c, profiles: [q] }\n  d: { image: d, profiles: [r] }\n';
    const services = (named: readonly string[], profiles: readonly string[] = []): readonly string[] => Object.keys(projectOf(of, { named, profiles }).services);
    expect([services([]), services(['b']), services(['b'], ['p']), services(['a', 'toString']), services(['d'], ['p'])]).toEqual([['a'], ['a', 'b', 'c'], ['a', 'b'], ['a'], ['a', 'b', 'd']]);
  });

  test('that of no name is active where none is chosen, as docker compose has it', () => {
    const of = 'services:\n  a: { image: a, profiles: ["", p] }\n  b: { image: b, profiles: [q] }\n';
    const services = (profiles: readonly string[], variable?: string): readonly string[] => Object.keys(projectOf(of, { profiles, environment: variable === undefined ? {} : { COMPOSE_PROFILES: variable } }).services);
    expect([services([]), services(['q']), services([], 'q'), services([], 'q,')]).toEqual([['a'], ['b'], ['b'], ['a', 'b']]);
  });

  const text = 'services:\n  a: { image: a }\n  b: { image: b, profiles: [debug], depends_on: [a] }\n  c: { image: c, depends_on: { b: { condition: service_started, required: false } } }\n';
  test.each<[readonly string[], string | undefined, string[]]>([[[], undefined, ['a', 'c']], [['debug'], undefined, ['a', 'b', 'c']], [['*'], undefined, ['a', 'b', 'c']], [[], 'x,debug', ['a', 'b', 'c']]])(
    '%j, COMPOSE_PROFILES %s', (profiles, variable, names) => {
      const project = projectOf(text, { profiles, environment: variable === undefined ? {} : { COMPOSE_PROFILES: variable } });
      expect(Object.keys(project.services)).toEqual(names);
    });

  test('a dependency that is not active and not required is none; a required one is a mistake', () => {
    expect(desiredOf(projectOf(text), { removeOrphans: false }).services['c']?.dependsOn).toEqual({});
    expect(mistakesOf('services:\n  a: { image: a, depends_on: [b] }\n  b: { image: b, profiles: [debug] }\n')).toEqual(['/app/compose.yaml:2:31: services.a: depends on service "b", whose profile "debug" is not active; add --profile debug']);
  });
});

test('links and shared namespaces are dependencies', () => {
  expect(projectOf('services:\n  a: { image: a }\n  b: { image: b, links: ["a:x"] }\n  c: { image: c, network_mode: "service:b" }\n').services).toMatchObject({ b: { depends_on: { a: { restart: true } } }, c: { depends_on: { b: { restart: true } } } });
});

test('a file that does not exist is named', () => {
  expect(mistakesOf('services: {}\n', { files: ['/app/no.yaml'] })).toEqual(['/app/no.yaml: the file does not exist']);
});

test('findStackFiles looks here, then in the parents, and for the override beside', () => {
  const there = new Set(['/a/compose.yml', '/a/compose.yaml', '/a/compose.override.yaml', '/a/b/docker-compose.yml']);
  const exists = (path: string): boolean => there.has(path);
  expect(findStackFiles('/a/x/y', exists)).toEqual(['/a/compose.yaml', '/a/compose.override.yaml']);
  expect(findStackFiles('/a/b', exists)).toEqual(['/a/b/docker-compose.yml']);
  expect(findStackFiles('/z', exists)).toEqual([]);
});

test('a long chain of many services loads', () => {
  const services = Array.from({ length: 2000 }, (_, index) => `  s${String(index)}: { image: demo, ports: ["${String(1000 + index)}:80"], depends_on: [${index === 0 ? '' : `s${String(index - 1)}`}] }\n`);
  expect(Object.keys(projectOf(`services:\n${services.join('')}`).services)).toHaveLength(2000);
});

test('no text makes the loader throw', () => {
  const text = web('    environment: { <<: &a { X: "${Y:-z}" }, B: *a }\n    ports: ["80-81:90-91/udp"]\n    volumes: [{ type: bind, source: ., target: /x }]\n    depends_on: { web: { condition: service_started } }\n    extends: { service: web }\ninclude: [a]\n');
  const noise = fc.constantFrom('', ' ', '\n', '\t', ':', '-', '[', '}', '&a', '*a', '<<', '!reset', '$', '${', '"', 'null', '1', '\0', '__proto__', 'constructor');
  fc.assert(fc.property(fc.nat(text.length), fc.nat(12), noise, noise, (at, length, one, two) => {
    loadText(text.slice(0, at) + one + two + text.slice(at + length));
  }), { numRuns: 500 });
});

test('YAML has characters beyond the first plane spelled out, as go-yaml does, and paths of keys absolute', () => {
  const project = projectOf('services:\n  web: { image: demo, build: { context: ., ssh: [default, k=./key] } }\nx-note: "🔥 é ⚙️"\n');
  expect(configYaml(project)).toContain('x-note: "\\U0001F525 é ⚙️"');
  expect(configYaml(project)).toContain("ssh:\n        - default\n        - 'k: /app/key'\n");
});

test('text in quotes goes on in lines that are indented less, as docker compose takes it', () => {
  const project = projectOf('services:\n  a:\n    image: x\n    command: "foo \\"a # b\\" #\n  bar"\n    user: \'it\'\'s\n\n b\'\n    labels:\n      - "a=b\nc"\n      - d="e\n    environment:\n      LONG: "one\n\n  two \\\n three"\n    hostname: h\n');
  expect(project.services['a']).toMatchObject({ command: ['foo', 'a # b', '#', 'bar'], user: 'it\'s\nb', labels: { 'a': 'b c', 'd': '"e' }, environment: { LONG: 'one\ntwo three' }, hostname: 'h' });
  expect(mistakesOf('services:\n  a:\n    image: "x\n    user: y\n')[0]).toContain('/app/compose.yaml:3:');
});

test('a name without a value takes the place of one with a value in an earlier file', () => {
  const files = { '/app/over.yaml': 'services:\n  web: { environment: { A: , B: }, labels: [l], build: { args: [X] } }\n' };
  const { services } = projectOf('services:\n  web: { image: a, environment: { A: 1, B: 2, C: 3 }, labels: { l: v }, build: { args: { X: 1 } } }\n', { files: ['/app/compose.yaml', '/app/over.yaml'], environment: { B: 'mine' } }, files);
  expect(services['web']).toMatchObject({ environment: { A: null, B: 'mine', C: '3' }, labels: { l: '' } });
  expect(services['web']?.build?.args).toBeUndefined();
});

test('a host port that is a number is another than the same as text, as docker compose has it', () => {
  const { services } = projectOf('services:\n  a: { image: x, ports: ["80:80", { target: 80, published: 80, mode: host }, { target: 81, published: "81", mode: host }, "81:81"] }\n');
  expect(services['a']?.ports?.map(({ mode, published }) => `${String(mode)} ${String(published)}`)).toEqual(['ingress 80', 'host 80', 'ingress 81']);
  const twice = projectOf('services:\n  a: { image: x, ports: ["80:80", { target: 80, published: 80 }] }\n');
  expect([twice.refusals, desiredOf(twice, { removeOrphans: false }).services['a']?.template.ports.map(({ published }) => published)]).toEqual([[], [80]]);
});

test('what a service takes out that extends another goes from the file before too', () => {
  const files = { '/app/over.yaml': 'services:\n  web: { extends: { file: base.yaml, service: x }, ports: !reset [], labels: { a: !reset null }, dns: !override [9.9.9.9] }\n', '/app/base.yaml': 'services: { x: { image: b, ports: ["1:1"], labels: { a: b, c: d }, dns: [1.1.1.1] } }\n' };
  const { services } = projectOf('services:\n  web: { image: a, ports: ["80:80"], labels: { a: x, e: f }, dns: [8.8.8.8] }\n', { files: ['/app/compose.yaml', '/app/over.yaml'] }, files);
  expect(services['web']).toMatchObject({ image: 'b', labels: { c: 'd', e: 'f' }, dns: ['9.9.9.9'] });
  expect(services['web']?.ports ?? []).toEqual([]);
});

test('scale is said in deploy too, and the old name of an external resource is its name in later files', () => {
  expect(configYaml(projectOf('services:\n  web: { image: a, scale: 2, deploy: { labels: { a: b } } }\n'))).toContain('deploy:\n      replicas: 2\n');
  const { volumes } = projectOf('services: { web: { image: a, volumes: ["data:/d"] } }\nvolumes: { data: { external: { name: old } } }\n', { files: ['/app/compose.yaml', '/app/over.yaml'] }, { '/app/over.yaml': 'volumes: { data: { name: other } }\n' });
  expect(volumes['data']).toMatchObject({ name: 'other', external: true });
});
