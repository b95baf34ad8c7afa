import { describe, expect, test } from 'vitest';
import { BayplanError } from '../../src/state/bayplan-error.ts';
import { configYaml, contentBytes, desiredOf } from '../../src/stack/index.ts';
import { mistakesOf, projectOf } from './load-text.ts';

const file = `
name: shop
services:
  app:
    image: a
    secrets: [token, { source: key, target: keys/app, uid: "103", gid: "104", mode: 0400 }]
    configs: [{ source: rules, target: /etc/rules.conf }, inline]
secrets:
  token: { environment: TOKEN }
  key: { file: ./key.pem }
  unused: { file: ./nowhere }
configs:
  rules: { external: true, name: common_rules }
  inline: { content: "user=\${WHO}" }
`;
const project = projectOf(file, { environment: { TOKEN: 't0p', WHO: 'me' } });
const read = (path: string): Buffer | null => (path === '/app/key.pem' ? Buffer.from([0, 255]) : null);

describe('configs and secrets', () => {
  test('where they go, with their defaults', () => {
    expect(desiredOf(project, { removeOrphans: false }).services['app']?.template.contents).toEqual([
      { name: 'secret shop_token', digest: '', target: '/run/secrets/token', uid: 0, gid: 0, mode: 0o444, onChange: null },
      { name: 'secret shop_key', digest: '', target: '/run/secrets/keys/app', uid: 103, gid: 104, mode: 0o400, onChange: null },
      { name: 'config common_rules', digest: '', target: '/etc/rules.conf', uid: 0, gid: 0, mode: 0o444, onChange: null },
      { name: 'config shop_inline', digest: '', target: '/inline', uid: 0, gid: 0, mode: 0o444, onChange: null },
    ]);
  });

  test('what is to follow where another takes its place: of the service, or of this one', () => {
    const told = (own: string, more = ''): string => `services: { a: { image: a, secrets: [{ source: s${more} }, t], x-bayplan: { ${own} } } }\nsecrets: { s: { file: ./s }, t: { file: ./t } }\n`;
    const found = (text: string): unknown => desiredOf(projectOf(text), { removeOrphans: false }).services['a']?.template.contents.map(({ onChange }) => onChange);
    expect(found(told('on_change: { signal: SIGHUP }'))).toEqual([{ signal: 'SIGHUP', exec: [] }, { signal: 'SIGHUP', exec: [] }]);
    expect(found(told('', ', x-bayplan: { on_change: {} }'))).toEqual([{ signal: '', exec: [] }, null]);
    expect(found(told('on_change: { signal: HUP }', ', x-bayplan: { on_change: { exec: nginx -s reload } }'))).toEqual([{ signal: '', exec: ['nginx', '-s', 'reload'] }, { signal: 'HUP', exec: [] }]);
    expect(mistakesOf(told('on_change: { signal: SIGHOP }'))[0]).toMatch(/^\/app\/compose\.yaml:1:\d+: services\.a\.x-bayplan\.on_change\.signal: .*SIGHOP/);
    expect(mistakesOf(told('on_change: { signals: HUP }'))[0]).toContain('"signals"');
  });

  test('the desired state names them, and their bytes go apart', () => {
    const desired = desiredOf(project, { removeOrphans: false });
    expect(desired.contents).toEqual({
      'secret shop_token': { kind: 'secret', external: false, digest: '' }, 'secret shop_key': { kind: 'secret', external: false, digest: '' },
      'config common_rules': { kind: 'config', external: true, digest: '' }, 'config shop_inline': { kind: 'config', external: false, digest: '' },
    });
    expect(JSON.stringify(desired)).not.toMatch(/t0p|user=me/);
    expect(contentBytes(project, read)).toEqual({ 'secret shop_token': btoa('t0p'), 'secret shop_key': 'AP8=', 'config shop_inline': btoa('user=me') });
  });

  test('`config` shows where a secret comes from, not what it is', () => {
    expect(configYaml(project)).toContain('environment: TOKEN');
    expect(configYaml(project)).not.toContain('t0p');
  });

  test('what cannot be had is told with its place, all at once', () => {
    const without = projectOf(file);
    expect(() => contentBytes(without, (path) => { throw new BayplanError('unreadable', `cannot read ${path}: EISDIR`); })).toThrow(/:10:3: secrets\.key: cannot read \S+key\.pem: EISDIR/);
    expect(() => contentBytes(without, () => null)).toThrow(
      '/app/compose.yaml:9:3: secrets.token: variable TOKEN is not set; set it in the environment or in .env\n'
      + '/app/compose.yaml:10:3: secrets.key: file /app/key.pem does not exist; create it',
    );
  });

  test('what only others than the services that are meant are given need not be had', () => {
    const two = projectOf(`${file}`.replace('secrets:\n  token', '  other: { image: a, configs: [inline] }\nsecrets:\n  token'), { environment: { WHO: 'me' } });
    expect(contentBytes(two, () => null, ['other'])).toEqual({ 'config shop_inline': btoa('user=me') });
    expect(() => contentBytes(two, () => null, ['app'])).toThrow('secrets.token');
    const { app: _app, ...others } = two.services;
    const alone = { ...two, services: others };
    expect([Object.keys(desiredOf(alone, { removeOrphans: false }).contents), contentBytes(alone, () => null)]).toEqual([['config shop_inline'], { 'config shop_inline': btoa('user=me') }]);
  });

  test('variables of included files are looked up in the env files of their include too, outer ones first', () => {
    const files = { '/app/in/c.yaml': 'include: [{ path: deep.yaml, env_file: deep.env }]\nservices: { b: { image: a, secrets: [s], configs: [t] } }\nsecrets: { s: { environment: S } }\nconfigs: { t: { environment: T } }\n', '/app/in/deep.yaml': 'services: { c: { image: a, secrets: [u] } }\nsecrets: { u: { environment: U } }\n', '/app/in.env': 'S=inner\nT=inner\n', '/app/in/deep.env': 'U=deepest\nS=never\n' };
    const included = projectOf('name: shop\ninclude: [{ path: in/c.yaml, env_file: in.env }]\n', { environment: { T: 'outer' } }, files);
    expect(contentBytes(included, () => null)).toEqual({ 'secret shop_s': btoa('inner'), 'config shop_t': btoa('outer'), 'secret shop_u': btoa('deepest') });
    expect(() => contentBytes(projectOf('name: shop\ninclude: [in/c.yaml]\n', {}, files), () => null)).toThrow('/app/in/c.yaml:3:12: secrets.s: variable S is not set');
  });

  test('each says once where it comes from', () => {
    const declared = (secret: string): string => `services: { a: { image: a } }\nsecrets:\n  s: ${secret}\n`;
    expect(mistakesOf(declared('{}'))).toEqual(['/app/compose.yaml:3:6: secrets.s: expected one of "file", "environment" or "external", got none; say where it comes from']);
    expect(mistakesOf(declared('{ file: ./a, environment: A }'))).toEqual(['/app/compose.yaml:3:6: secrets.s: expected one of "file", "environment", got "file" and "environment"; keep one']);
    expect(mistakesOf('services: { a: { image: a } }\nvolumes: { v: { external: true, driver: local } }\n')[0]).toContain('expected only "name" beside "external", got "driver"');
    expect(mistakesOf('services: { a: { image: a, secrets: [{ source: s, uid: app }] } }\nsecrets: { s: { file: ./a } }\n')[0]).toContain('expected a number, as the container knows users by, got "app"');
  });
});
