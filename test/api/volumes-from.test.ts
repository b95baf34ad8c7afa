import { expect, it } from 'vitest';
import { DockerConfig } from '../../src/api/docker-config.ts';
import { withVolumesFrom } from '../../src/api/volumes-from.ts';
import type { Mount } from '../../src/state/container.ts';
import { containerSpec } from '../spec-values.ts';
import { container, FakeEngine } from './fake-engine.ts';

const bind = (target: string): Mount => ({ type: 'bind', source: '/host', target, readOnly: false, createHostPath: true, propagation: '', recursive: 'enabled' });
const volume = (source: string | null, target: string, change: Partial<Extract<Mount, { type: 'volume' }>> = {}): Mount => ({ type: 'volume', source, target, readOnly: false, nocopy: false, subpath: '', ...change });

const engine = new FakeEngine();
const other = container(1, 'db', { anonymousVolumes: { '/anonymous': 'abc' } });
engine.all.set('db', { ...other, spec: containerSpec({ mounts: [volume('data', '/data'), bind('/conf'), volume(null, '/anonymous'), { type: 'tmpfs', target: '/t', size: null, mode: null, options: [] }] }) });
const of = (from: string, mounts: Mount[] = []): readonly Mount[] => withVolumesFrom(engine, DockerConfig.parse({ Image: 'a', HostConfig: { VolumesFrom: [from] } }), containerSpec({ mounts })).mounts;

it('takes volumes and folders, anonymous ones by their name, and no tmpfs', () => {
  expect(of('db')).toEqual([volume('data', '/data'), bind('/conf'), volume('abc', '/anonymous', { nocopy: true })]);
  expect(of('db:z,ro')).toEqual(of('db:ro'));
  expect(of('db:ro')).toEqual([volume('data', '/data', { readOnly: true }), { ...bind('/conf'), readOnly: true }, volume('abc', '/anonymous', { nocopy: true, readOnly: true })]);
});

it('leaves what the container has there itself, but for a volume without a name', () => {
  expect(of('db', [volume('own', '/data')])[0]).toEqual(volume('own', '/data'));
  expect(of('db', [volume(null, '/data')])[0]).toEqual(volume('data', '/data'));
});

it('refuses what is none', () => {
  expect(() => of('db:rx')).toThrow('HostConfig.VolumesFrom: "db:rx": expected CONTAINER[:ro|rw]');
  expect(() => of('db:ro,rw')).toThrow('expected CONTAINER[:ro|rw]');
  expect(() => of('nobody')).toThrow('No such container: nobody');
});
