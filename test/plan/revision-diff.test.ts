import { expect, test } from 'vitest';
import { revisionDiff } from '../../src/plan/revision-diff.ts';
import { desired, service } from './states.ts';

test('what has changed is named, a line each, and nothing that may be secret is shown', () => {
  const before = desired({ web: service({ environment: { TOKEN: 'old' }, user: '1' }), old: service() });
  const after = desired({ web: service({ environment: { TOKEN: 'new' }, user: '2', image: 'other' }, {}, 3), new: service() });
  expect(revisionDiff(before, after)).toEqual([
    'service new added', 'service old removed', 'service web: replicas: 1 → 3', 'service web: image: bayplan/hello → other', 'service web: environment.TOKEN changed', 'service web: user: "1" → "2"',
  ]);
  expect(revisionDiff(after, after)).toEqual([]);
  const content = (digest: string): typeof before => ({ ...desired({ web: service({ contents: [{ name: 'secret shop_key', digest: '', target: '/run/secrets/key', uid: 0, gid: 0, mode: 0o400, onChange: null }] }) }), contents: { 'secret shop_key': { kind: 'secret', external: false, digest } } });
  expect(revisionDiff(content('aaa'), content('bbb'))).toEqual(['service web: secret shop_key changed']);
});
