import { expect, test } from 'vitest';
import { parseChallenges } from '../../../../src/runtime/image/registry/challenge.ts';

test.each([
  ['Basic realm="a b"', [{ scheme: 'basic', parameters: { realm: 'a b' } }]],
  ['Bearer realm="https://auth/token",service="reg",scope="repository:a/b:pull,push"', [{ scheme: 'bearer', parameters: { realm: 'https://auth/token', service: 'reg', scope: 'repository:a/b:pull,push' } }]],
  ['Negotiate, Basic realm=x, Bearer Realm = "q\\"q" , service=s', [{ scheme: 'negotiate', parameters: {} }, { scheme: 'basic', parameters: { realm: 'x' } }, { scheme: 'bearer', parameters: { realm: 'q"q', service: 's' } }]],
  ['', []],
  ['="x" Bearer', []],
])('%s', (header, challenges) => {
  expect(parseChallenges(header)).toEqual(challenges);
});
