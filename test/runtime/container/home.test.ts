import { expect, test } from 'vitest';
import { networkHome } from '../../../src/runtime/container/home.ts';
import { CONTAINER_RECORD_VERSION, ContainerRecord } from '../../../src/runtime/container/record.ts';
import { specOf } from './container-spec.ts';

function record(name: string, networkMode: string): ContainerRecord {
  return ContainerRecord.parse({
    version: CONTAINER_RECORD_VERSION, id: Buffer.from(name.padEnd(32, '0').slice(0, 32)).toString('hex'), name, spec: specOf({ networkMode }), createdAt: 1, addresses: {}, anonymousVolumes: {}, error: '',
    identity: { owner: 'stack', stack: 's', service: name, slot: 1, generation: 1 },
  });
}

test('the one that container:NAME leads to in the end', () => {
  const all = [record('a', 'bridge'), record('b', 'container:a'), record('c', 'container:b'), record('x', 'container:y'), record('y', 'container:x'), record('z', 'container:nobody')];
  const home = (name: string): string => {
    const found = all.find((one) => one.name === name);
    return found === undefined ? '' : networkHome(found, (ref) => all.find((one) => one.name === ref) ?? null).name;
  };
  expect([home('a'), home('b'), home('c')]).toEqual(['a', 'a', 'a']);
  expect(() => home('x')).toThrow('container x: its network_mode leads in a circle');
  expect(() => home('z')).toThrow('container z: container nobody, whose network it shares, is not there');
});
