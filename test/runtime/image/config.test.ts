import { expect, test } from 'vitest';
import { ConfigFile, createdAt, imageConfig } from '../../../src/runtime/image/config.ts';

const rootfs = { type: 'layers', diff_ids: [] };

test('a config of docker build', () => {
  const file = ConfigFile.parse({
    created: '2024-01-01T00:00:00.5Z', rootfs,
    config: {
      Env: ['A=b'], Entrypoint: null, Cmd: ['sh'], User: '1:2', WorkingDir: '/x', Labels: { a: 'b' }, StopSignal: 'SIGQUIT',
      ExposedPorts: { '80/tcp': {}, '53/udp': {}, '22': {} }, Volumes: { '/data': {} }, OnBuild: null,
      Healthcheck: { Test: ['CMD', 'true'], Interval: 2e9, Retries: 0 },
    },
  });
  expect(imageConfig(file)).toEqual({
    entrypoint: [], command: ['sh'], environment: ['A=b'], user: '1:2', workingDir: '/x', labels: { a: 'b' }, stopSignal: 'SIGQUIT',
    exposedPorts: ['22/tcp', '53/udp', '80/tcp'], volumes: ['/data'],
    healthcheck: { test: ['CMD', 'true'], intervalMs: 2000, timeoutMs: 30_000, startPeriodMs: 0, startIntervalMs: 5000, retries: 3 },
  });
  expect(createdAt(file)).toBe(Date.parse('2024-01-01T00:00:00.5Z'));
});

test('a config that says nothing', () => {
  const file = ConfigFile.parse({ rootfs });
  expect(imageConfig(file)).toMatchObject({ entrypoint: [], command: [], healthcheck: null, user: '' });
  expect(createdAt(file)).toBe(0);
});
