import { expect, test } from 'vitest';
import { contentBytes, desiredOf, withApiSocket } from '../../src/stack/index.ts';
import { projectOf } from './load-text.ts';

const socket = '/run/bayplan/engine.sock';

test('gives the socket and the credentials to the services that ask for them', () => {
  const project = projectOf('name: demo\nservices:\n  a: { image: a, use_api_socket: true }\n  b: { image: a, use_api_socket: true, environment: { DOCKER_CONFIG: /mine } }\n  c: { image: a }\n');
  const whole = withApiSocket(project, { socket, dockerConfig: '{"auths":{}}\n' });
  const { services, contents } = desiredOf(whole, { removeOrphans: false });
  expect(services['a']?.template.mounts).toEqual([{ type: 'bind', source: socket, target: '/var/run/docker.sock', readOnly: false, createHostPath: false, propagation: '', recursive: 'enabled' }]);
  expect(services['a']?.template.contents.map(({ name, target }) => [name, target])).toEqual([['config demo_#apisocket', '/run/secrets/docker/config.json']]);
  expect([services['a']?.template.environment, services['b']?.template.environment]).toEqual([{ DOCKER_CONFIG: '/run/secrets/docker' }, { DOCKER_CONFIG: '/mine' }]);
  expect([services['c']?.template.mounts, services['c']?.template.contents]).toEqual([[], []]);
  expect(Object.keys(contents)).toEqual(['config demo_#apisocket']);
  expect(Buffer.from(contentBytes(whole, () => null)['config demo_#apisocket'] ?? '', 'base64').toString()).toBe('{"auths":{}}\n');
});

test('leaves a project alone that asks for none', () => {
  const project = projectOf('services:\n  a: { image: a }\n');
  expect(withApiSocket(project, { socket, dockerConfig: '' })).toBe(project);
});
