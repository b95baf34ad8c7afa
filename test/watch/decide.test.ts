import { expect, test } from 'vitest';
import { loadText } from '../stack/load-text.ts';
import { decide } from '../../src/watch/decide.ts';
import { watchRules } from '../../src/watch/rules.ts';

const STACK = `
services:
  web:
    image: a
    build: { context: ., dockerfile: Dockerfile }
    volumes: ["./bound:/bound"]
    develop:
      watch:
        - { path: src, target: /app, action: sync, ignore: ["*.md", node_modules] }
        - { path: src/conf, target: /etc/app, action: sync+restart, include: ["*.ini", "**/*.toml"] }
        - { path: static, target: /static/, action: sync+exec, exec: { command: [reload], user: "5" } }
        - { path: one.txt, target: /srv/other.txt, action: sync }
        - { path: package.json, action: rebuild }
        - { path: bound, target: /bound, action: sync }
  job: { image: a, develop: { watch: [{ path: src, action: restart }] } }
`;
const files: Readonly<Record<string, string>> = { '/app/.dockerignore': 'src/secret\n!src/secret/public\n' };
const { project } = loadText(STACK);
if (project === null) throw new Error('the stack has mistakes');
const { rules, notes } = watchRules(project, [], (path) => files[path] ?? null);

/** What has changed below /app, and what is to be done: `+` with a restart, `!` with the hook, `#` rebuild. */
const TABLE: readonly (readonly [changed: readonly string[], works: Readonly<Record<string, string>>])[] = [
  [['src/a.js'], { web: '/app/a.js', job: '+' }],
  [['src/a.js', 'src/a.js', 'src/d/b.js'], { web: '/app/a.js /app/d/b.js', job: '+' }],
  [['src/README.md'], { job: '+' }],
  [['src/d/README.md'], { web: '/app/d/README.md', job: '+' }],
  [['src/node_modules/x/y.js'], { job: '+' }],
  [['src/.git/HEAD', 'src/.a.js.swp', 'src/a.js~', 'src/4913'], {}],
  [['src/secret/key'], { job: '+' }],
  [['src/secret/public'], { web: '/app/secret/public', job: '+' }],
  [['src/conf/x.ini'], { web: '/app/conf/x.ini /etc/app/x.ini +', job: '+' }],
  [['src/conf/d/x.toml', 'src/conf/d/x.ini'], { web: '/app/conf/d/x.ini /app/conf/d/x.toml /etc/app/d/x.toml +', job: '+' }],
  [['static/a.css', 'static/b.css'], { web: '/static/a.css /static/b.css !reload' }],
  [['one.txt'], { web: '/srv/other.txt' }],
  [['package.json'], { web: '#1' }],
  [['bound/x', 'srcx/y', 'compose.yaml'], {}],
  [['src'], { web: '/app', job: '+' }],
];

test.each(TABLE)('%j', (changed, expected) => {
  const works = decide(rules, changed.map((path) => `/app/${path}`));
  expect(Object.fromEntries([...works].map(([service, { sync, restart, exec, rebuild }]) => [service, [
    ...sync.map(({ target, name }) => (name === '' ? target : `${target.replace(/\/$/, '')}/${name}`)), ...(restart ? ['+'] : []), ...exec.map(({ command }) => `!${command.join(' ')}`), ...(rebuild > 0 ? [`#${rebuild}`] : []),
  ].join(' ')]))).toEqual(expected);
});

test('what is not followed is told', () => {
  expect(notes).toEqual([
    'service "web": /app/package.json: building images is not there yet: a change that asks for a rebuild is told, and nothing else',
    'service "web": /app/bound is bound into its containers as well, and is not followed',
  ]);
});

test('of some services alone', () => {
  expect(watchRules(project, ['job'], () => null).rules.map(({ service }) => service)).toEqual(['job']);
});
