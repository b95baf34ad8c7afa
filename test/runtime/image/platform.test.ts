import { expect, test } from 'vitest';
import { forThisMachine } from '../../../src/runtime/image/platform.ts';

const entry = (digest: string, platform?: { os: string; architecture: string; variant?: string }): { digest: string; size: number; platform?: typeof platform & object } => ({ digest, size: 1, ...(platform === undefined ? {} : { platform }) });

test.each<[string, readonly string[]]>([['amd64', ['plain', 'v1', 'any']], ['arm64', ['v8', 'arm64', 'any']], ['arm', ['v7', 'v6', 'any']], ['s390x', ['any']]])('for %s the best comes first', (machine, digests) => {
  const descriptors = [
    entry('any'), entry('v1', { os: 'linux', architecture: 'amd64', variant: 'v1' }), entry('plain', { os: 'linux', architecture: 'amd64' }), entry('v3', { os: 'linux', architecture: 'amd64', variant: 'v3' }),
    entry('win', { os: 'windows', architecture: 'amd64' }), entry('arm64', { os: 'linux', architecture: 'arm64' }), entry('v8', { os: 'linux', architecture: 'arm64', variant: 'v8' }),
    entry('v6', { os: 'linux', architecture: 'arm', variant: 'v6' }), entry('v7', { os: 'linux', architecture: 'arm', variant: 'v7' }), entry('unknown', { os: 'unknown', architecture: 'unknown' }),
  ];
  expect(forThisMachine(descriptors, machine).map(({ digest }) => digest)).toEqual(digests);
});
