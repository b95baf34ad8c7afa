import { expect, test } from 'vitest';
import { loadRaw } from '../../src/stack/index.ts';
import { formatMistake } from '../../src/stack/mistake.ts';

const raw = (text: string, over?: string, environment: Record<string, string> = {}): { model: unknown; lines: readonly string[] } => {
  const files: Readonly<Record<string, string>> = { '/app/compose.yaml': text, ...(over === undefined ? {} : { '/app/over.yaml': over }) };
  const { model, mistakes } = loadRaw({ files: Object.keys(files), workingDir: '/app', projectName: null, environment, profiles: [], envFiles: null, read: (path) => files[path] ?? null });
  return { model, lines: mistakes.map(formatMistake) };
};

test('what follows from other keys is filled in, variables are not', () => {
  const text = `
name: My-\${X}
services:
  web:
    image: "\${IMAGE}"
    pull_policy: if_not_present
    links: [db, "cache:c"]
    network_mode: service:db
    volumes_from: [data:ro, "container:other"]
    volumes: ["\${A:-/a}:/b/", 'C:\\x:/win']
    environment: [KNOWN, UNKNOWN, "K=1", "K=\${Y}"]
    build: { context: ., args: [KNOWN, A=b] }
volumes:
  old: { external: { name: older } }
`;
  expect(raw(text, undefined, { KNOWN: 'k' })).toEqual({ lines: [], model: {
    name: 'my-x',
    services: { web: {
      image: '${IMAGE}', pull_policy: 'missing', links: ['db', 'cache:c'], network_mode: 'service:db', volumes_from: ['data:ro', 'container:other'],
      depends_on: {
        db: { condition: 'service_started', restart: true, required: true }, cache: { condition: 'service_started', restart: true, required: true }, data: { condition: 'service_started', restart: false, required: true },
      },
      volumes: [{ type: 'volume', source: '${A:-/a}', target: '/b', volume: {} }, { type: 'bind', source: 'C:\\x', target: '/win', bind: { create_host_path: true } }],
      environment: ['KNOWN', 'UNKNOWN', 'K=${Y}'], build: { context: '/app', dockerfile: 'Dockerfile', args: ['A=b'] },
    } },
    volumes: { old: { external: true, name: 'older' } },
  } });
});

test('pairs of several files are a list, as docker compose has them: those of a mapping sorted, a later value in the place of the earlier', () => {
  const text = 'services:\n  web: { image: a, environment: { Z: 1, B: , A: x }, labels: [z=1, a=2], extra_hosts: { h: 1.2.3.4 } }\n';
  const { model } = raw(text, 'services:\n  web: { environment: [A=y, C=3], labels: { z: 2, b: 3 }, extra_hosts: ["i=::1"] }\n');
  expect(model).toMatchObject({ services: { web: { environment: ['A=y', 'B', 'Z=1', 'C=3'], labels: ['z=2', 'a=2', 'b=3'], extra_hosts: ['h=1.2.3.4', 'i=::1'] } } });
  expect(raw(text).model).toMatchObject({ services: { web: { environment: { Z: 1, B: null, A: 'x' }, labels: ['z=1', 'a=2'] } } });
});

test('requests for devices are for all of them where nothing is said, and words alone are lists', () => {
  const text = 'services:\n  web:\n    image: a\n    gpus: all\n    build: ""\n    develop: { watch: [{ path: ., action: rebuild, ignore: x }] }\n    deploy: { labels: [a=1, a=2], resources: { reservations: { devices: [{ capabilities: [gpu] }, { capabilities: [gpu], device_ids: ["0"] }] } } }\n';
  expect(raw(text).model).toMatchObject({ services: { web: {
    gpus: [{ count: 'all' }], build: { context: '' }, develop: { watch: [{ path: '/app', ignore: ['x'] }] },
    deploy: { labels: ['a=2'], resources: { reservations: { devices: [{ capabilities: ['gpu'], count: 'all' }, { capabilities: ['gpu'], device_ids: ['0'] }] } } },
  } } });
});

test('what stands twice is there once, and nothing at all is a mistake', () => {
  const text = 'services:\n  web: { image: a, ports: [3000, "3000-3001"], volumes: ["one:/a", "two:/a"], secrets: [s, { source: t, target: /run/secrets/s }], devices: ["/dev/a", "/dev/b:/dev/a"], build: { secrets: [s] } }\n';
  expect(raw(text).model).toMatchObject({ services: { web: {
    ports: [{ mode: 'ingress', target: 3000, protocol: 'tcp' }, { mode: 'ingress', target: 3001, protocol: 'tcp' }], volumes: [{ source: 'two' }], secrets: [{ source: 't', target: '/run/secrets/s' }],
    devices: [{ source: '/dev/b', target: '/dev/a' }], build: { secrets: [{ source: 's' }] },
  } } });
  expect(raw('# nothing\n').lines).toEqual(['/app/compose.yaml: expected a mapping with "services", got an empty file; begin with "services:"']);
});

test('mistakes that no variable can make right are told', () => {
  expect(raw('services:\n  web: { image: a, cpus: "${CPUS}", privileged: "${P}", ports: ["${A}:80"], mem_limit: "${M}", oops: 1 }\nweb: {}\n').lines).toEqual([
    '/app/compose.yaml:2:96: services.web: unknown key "oops" in a service',
    '/app/compose.yaml:3:1: unknown key "web" in a stack file',
  ]);
});
