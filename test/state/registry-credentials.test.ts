import { expect, test } from 'vitest';
import { registryHost } from '../../src/state/registry-credentials.ts';

test.each([['https://index.docker.io/v1/', 'docker.io'], ['docker.io', 'docker.io'], ['registry-1.docker.io', 'docker.io'], ['https://r.example:5000/v2/', 'r.example:5000'], ['localhost:5000', 'localhost:5000']])('registry host of %s', (server, host) => {
  expect(registryHost(server)).toBe(host);
});
