import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWherePresent } from '../where-present.ts';
import { compose, composeMissing, environment } from './docker-compose.ts';

// What `config` prints with each of its flags is what docker compose prints, lists in any order.

const program = new URL('../../build/bayplan.cjs', import.meta.url).pathname;

const FILES: Readonly<Record<string, string>> = {
  '.env': 'B=from-dotenv\nPORT=9000\n',
  'web.env': 'WEB=1\nQ="x y"\n',
  's.txt': 's',
  'db.labels': 'from=file\n',
  'compose.yaml': `
name: flags
include: [sub/inc.yaml]
x-common: &common
  restart: always
  environment: {A: "\${A:-a}", B: "\${B?b is needed}"}
services:
  web:
    <<: *common
    image: "nginx@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    ports: ["8080:80", "\${PORT}:81"]
    env_file: [{path: web.env, required: true}]
    volumes: ["./html:/html:ro", "data:/data", "~/h:/h"]
    profiles: [front, "a"]
    depends_on: [db]
    extends: {file: sub/base.yaml, service: base}
    secrets: [s]
    develop: {watch: [{path: ./src, action: sync, target: /s}, {path: ./link/below, action: rebuild}, {path: link2, action: rebuild}]}
    deploy: {resources: {limits: {memory: 64m}}, replicas: 2}
    models: [m]
  db:
    image: postgres:16
    build: ./db
    command: run "$$HOME" \${CMD:-x y}
    networks: [back, front]
    labels: [a=b]
    label_file: db.labels
networks: {back: {internal: true}, front: , unused: {}}
volumes: {data: {labels: {x: y}}, spare: }
secrets: {s: {file: ./s.txt}}
configs: {c: {content: "hi \${A:-a}"}}
models: {m: {model: ai/small}}
`,
  'sub/base.yaml': `
services:
  base:
    image: other
    user: "\${WHO:-me}"
    build: {context: ., additional_contexts: {r: ../r, s: "service:db", d: "docker-image://x"}}
    env_file: [{path: b.env, required: false}]
    volumes: ["./x:/x", "../up:/up", ".:/dot", {type: bind, source: ./long, target: /long}, "data:/n"]
    develop: {watch: [{path: ./own, action: rebuild}]}
`,
  'sub/inc.yaml': `
services:
  inc:
    image: "i:\${TAG-latest}"
    volumes: ["./y:/y", "incdata:/z", "bound:/b"]
    build: {context: ., dockerfile_inline: "FROM x", additional_contexts: [r=../r]}
    profiles: [more]
volumes: {incdata: , bound: {driver: local, driver_opts: {type: none, o: bind, device: ./dev}}}
`,
};

/** Flags, each with and without a profile. */
const FLAGS: readonly (readonly string[])[] = [
  [], ['--images'], ['--images', 'web'], ['--hash', '*'], ['--hash', 'db'], ['--variables'], ['--profiles'], ['--services'], ['--services', 'web'], ['--volumes'], ['--volumes', 'web'], ['--networks'], ['--models'], ['--environment'],
  ['--no-interpolate'], ['--no-normalize'], ['--no-consistency'], ['--no-path-resolution'], ['--no-normalize', '--no-path-resolution'], ['--no-interpolate', '--no-path-resolution'], ['--no-interpolate', '--no-normalize'],
  ['--no-interpolate', '--format', 'json'], ['--format', 'json'], ['--format', 'json', '--no-normalize'], ['-q'], ['db'], ['web'], ['inc'], ['nobody'], ['--hash', 'nobody'], ['--no-consistency', '--no-normalize', '--no-interpolate', '--no-path-resolution'],
  ['-o', 'OUT'],
];

describeWherePresent([composeMissing], 'config', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bayplan-flags-'));
  beforeAll(() => {
    for (const [name, text] of Object.entries(FILES)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    symlinkSync('sub', join(folder, 'link'));
    symlinkSync('link/lf', join(folder, 'link2'));
    writeFileSync(join(folder, 'sub/lf'), '');
  });
  afterAll(() => { rmSync(folder, { recursive: true }); });

  const ours = (args: readonly string[]): Promise<string | null> => new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { cwd: folder, env: environment }, (error, out) => { resolve(error === null ? out : null); });
  });
  /** Rows of tables and names in lists come in any order there; a table's last column is padded. */
  const lines = (text: string | null, whole: boolean): readonly string[] | null => {
    const all = text?.trimEnd().split('\n').map((line) => line.trimEnd()) ?? null;
    return whole ? all : all?.toSorted() ?? null;
  };

  for (const profile of [[], ['--profile', 'front']]) {
    test.each(FLAGS.map((flags) => [flags.join(' '), flags] as const))(`${profile.join(' ')} config %s`, async (_name, flags) => {
      const list = flags.some((flag) => ['--images', '--variables', '--profiles', '--services', '--volumes', '--networks', '--models', '--environment', '--hash'].includes(flag));
      const at = (side: string): string[] => [...profile, 'config', ...flags.map((flag) => (flag === 'OUT' ? join(folder, side) : flag))];
      const [theirs, own] = [(await compose(at('theirs'), folder)).out, await ours(at('ours'))];
      expect(lines(own, !list)).toEqual(lines(theirs, !list));
      if (flags.includes('-o')) expect(readFileSync(join(folder, 'ours'), 'utf8').trimEnd()).toBe(readFileSync(join(folder, 'theirs'), 'utf8').trimEnd());
    });
  }
});
