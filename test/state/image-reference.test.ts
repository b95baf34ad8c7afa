import { describe, expect, test } from 'vitest';
import { familiarReference, isReference, normalizeReference, parseReference, repositoryOf } from '../../src/state/image-reference.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('normalizeReference', () => {
  test.each([
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:1.27', 'docker.io/library/nginx:1.27'],
    ['bayplan/hello', 'docker.io/bayplan/hello:latest'],
    ['docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['index.docker.io/library/nginx', 'docker.io/library/nginx:latest'],
    ['localhost/app', 'localhost/app:latest'],
    ['localhost:5000/a/b:c', 'localhost:5000/a/b:c'],
    ['ghcr.io/x/y', 'ghcr.io/x/y:latest'],
    [`nginx@${DIGEST}`, `docker.io/library/nginx@${DIGEST}`],
    [`nginx:1@${DIGEST}`, `docker.io/library/nginx:1@${DIGEST}`],
  ])('%s', (short, whole) => {
    expect(normalizeReference(short)).toBe(whole);
    expect(normalizeReference(whole)).toBe(whole);
    expect(isReference(short)).toBe(true);
  });

  test.each(['', 'Nginx', 'a//b', 'nginx:', 'nginx:a b', '-x', 'nginx@sha256:12', 'f'.repeat(64), '../x', 'a/../b', 'localhost:99999/x', 'localhost:0/x', `ghcr.io/${'a'.repeat(248)}`])('refuses %j', (text) => {
    expect(() => normalizeReference(text)).toThrowError(expect.objectContaining({ code: 'bad-reference' }));
    expect(isReference(text)).toBe(false);
  });
});

test('a port that cannot be is told with the image', () => {
  expect(() => parseReference('localhost:99999/x')).toThrow('image "localhost:99999/x": "99999" is not a port: ports are 1 to 65535');
});

test('parts', () => {
  expect(parseReference('ghcr.io/a/b:1')).toEqual({ domain: 'ghcr.io', path: 'a/b', tag: '1', digest: '' });
});

test.each([['docker.io/library/nginx:1', 'nginx:1'], ['docker.io/bayplan/hello:latest', 'bayplan/hello:latest'], ['ghcr.io/a/b:1', 'ghcr.io/a/b:1']])('familiar form of %s', (whole, short) => {
  expect(familiarReference(whole)).toBe(short);
});

test.each([['localhost:5000/a/b:c', 'localhost:5000/a/b'], ['localhost:5000/a', 'localhost:5000/a'], [`docker.io/library/nginx:1@${DIGEST}`, 'docker.io/library/nginx']])('repository of %s', (whole, repository) => {
  expect(repositoryOf(whole)).toBe(repository);
});
