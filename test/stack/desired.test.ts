import { describe, expect, test } from 'vitest';
import { BayplanError } from '../../src/state/bayplan-error.ts';
import { Desired } from '../../src/state/state.ts';
import { configOf, configYaml, desiredOf, providersOf, withProvided } from '../../src/stack/index.ts';
import { projectOf } from './load-text.ts';

const shop = `name: shop
services:
  proxy:
    image: nginx
    ports: ["8080:80", "127.0.0.1:53:53/udp", "90"]
    depends_on: { app: { condition: service_healthy } }
    networks: { front: { aliases: [www], ipv4_address: 10.9.0.5, priority: 5 } }
    tmpfs: "/run:size=64m,mode=1777,noexec"
  app:
    image: app
    entrypoint: ["/app"]
    command: serve --port 80
    environment: { A: "1", GONE: }
    user: "1000:1000"
    working_dir: /srv
    hostname: apphost
    labels: [a=b]
    stop_signal: SIGINT
    stop_grace_period: 1m
    restart: on-failure:3
    healthcheck: { test: curl localhost, interval: 5s }
    cap_add: [NET_ADMIN]
    cap_drop: [ALL]
    read_only: true
    init: true
    group_add: [10]
    extra_hosts: { h: 1.2.3.4 }
    dns: 192.0.2.1
    dns_search: [a.test, b.test]
    dns_opt: [timeout:1]
    deploy: { replicas: 2, resources: { limits: { cpus: "0.5", memory: 64m, pids: 20 } } }
    volumes:
      - data:/data
      - ./conf:/conf:ro
      - ~/home:/home
      - /anonymous
      - { type: tmpfs, target: /tmp, tmpfs: { size: 1m, mode: 0700 } }
      - { type: bind, source: ./x, target: /x, bind: { create_host_path: false, propagation: rslave } }
      - { type: volume, source: data, target: /sub, volume: { nocopy: true, subpath: a } }
    networks: [front, back]
networks:
  front: { ipam: { config: [{ subnet: 10.9.0.0/24, gateway: 10.9.0.1, ip_range: 10.9.0.128/25 }] } }
  back: { internal: true, name: custom }
  unused:
volumes:
  data: { labels: { keep: "yes" } }
  unused:
`;

describe('desiredOf', () => {
  const desired = desiredOf(projectOf(shop), { removeOrphans: true });
  const app = desired.services['app']?.template;

  test('is a desired state by its schema', () => { expect(Desired.parse(desired)).toEqual(desired); });

  test('services', () => {
    expect(desired.services['app']).toMatchObject({ replicas: 2, containerName: '', dependsOn: {} });
    expect(desired.services['proxy']?.dependsOn).toEqual({ app: { condition: 'service_healthy', required: true, restart: false } });
    expect(app).toMatchObject({
      image: 'app', imageId: '', entrypoint: ['/app'], command: ['serve', '--port', '80'], environment: { A: '1' }, user: '1000:1000', workingDir: '/srv', hostname: 'apphost',
      stopSignal: 'SIGINT', stopGracePeriodMs: 60_000, restart: { policy: 'on-failure', maxRetries: 3 }, capAdd: ['NET_ADMIN'], capDrop: ['ALL'], readOnly: true,
      groupAdd: ['10'], extraHosts: ['h=1.2.3.4'], dns: { servers: ['192.0.2.1'], search: ['a.test', 'b.test'], options: ['timeout:1'] }, resources: { cpus: 0.5, memory: 67_108_864, pids: 20 }, networkMode: 'bridge', ports: [],
      healthcheck: { test: ['CMD-SHELL', 'curl localhost'], intervalMs: 5000, timeoutMs: 30_000, startPeriodMs: 0, startIntervalMs: 5000, retries: 3 },
    });
  });

  test('links are names for others, and come after them', () => {
    const { services } = desiredOf(projectOf('services:\n  a: { image: a, links: [b, "b:store"], external_links: ["other-db-1:db"] }\n  b: { image: b }\n'), { removeOrphans: false });
    expect(services['a']?.template.links).toEqual({ b: 'b', store: 'b', db: 'other-db-1' });
    expect(Object.keys(services['a']?.dependsOn ?? {})).toEqual(['b']);
  });

  test('mounts', () => {
    expect(app?.mounts).toEqual([
      { type: 'volume', source: 'shop_data', target: '/data', readOnly: false, nocopy: false, subpath: '' },
      { type: 'bind', source: '/app/conf', target: '/conf', readOnly: true, createHostPath: true, propagation: '', recursive: 'enabled' },
      { type: 'bind', source: '/home/me/home', target: '/home', readOnly: false, createHostPath: true, propagation: '', recursive: 'enabled' },
      { type: 'volume', source: null, target: '/anonymous', readOnly: false, nocopy: false, subpath: '' },
      { type: 'tmpfs', target: '/tmp', size: 1_048_576, mode: 0o700, options: [] },
      { type: 'bind', source: '/app/x', target: '/x', readOnly: false, createHostPath: false, propagation: 'rslave', recursive: 'enabled' },
      { type: 'volume', source: 'shop_data', target: '/sub', readOnly: false, nocopy: true, subpath: 'a' },
    ]);
    expect(desired.services['proxy']?.template.mounts).toEqual([{ type: 'tmpfs', target: '/run', size: 67_108_864, mode: 0o1777, options: ['noexec'] }]);
  });

  test('ports and networks', () => {
    expect(desired.services['proxy']?.template).toMatchObject({
      ports: [
        { hostIp: '', published: 8080, target: 80, protocol: 'tcp' }, { hostIp: '127.0.0.1', published: 53, target: 53, protocol: 'udp' },
        { hostIp: '', published: null, target: 90, protocol: 'tcp' },
      ],
      networks: { shop_front: { aliases: ['proxy', 'www'], ipv4Address: '10.9.0.5', priority: 5 } },
    });
    expect(Object.keys(app?.networks ?? {})).toEqual(['shop_front', 'custom']);
    expect(Object.keys(desired.networks)).toEqual(['shop_front', 'custom']);
    expect(desired.networks['shop_front']?.spec).toMatchObject({ ipam: [{ subnet: '10.9.0.0/24', gateway: '10.9.0.1', ipRange: '10.9.0.128/25', auxAddresses: {} }], internal: false, external: false });
    expect(desired.networks['custom']?.spec).toMatchObject({ internal: true, labels: { 'com.docker.compose.project': 'shop', 'com.docker.compose.network': 'back' } });
    expect(desired.volumes).toEqual({ shop_data: { stack: 'shop', status: null, spec: { driver: 'local', external: false, driverOpts: {}, labels: { keep: 'yes', 'com.docker.compose.project': 'shop', 'com.docker.compose.volume': 'data' } } } });
    expect(Object.keys(desired.images)).toEqual(['nginx', 'app']);
    expect(desired.remove).toEqual({ orphans: true, volumes: false });
  });

  test('labels are those that docker compose writes, without the one of a single container', () => {
    expect(desired.services['proxy']?.template.labels).toEqual({
      'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'proxy', 'com.docker.compose.oneoff': 'False', 'com.docker.compose.project.working_dir': '/app',
      'com.docker.compose.project.config_files': '/app/compose.yaml', 'com.docker.compose.depends_on': 'app:service_healthy:false',
    });
    expect(app?.labels['a']).toBe('b');
  });

  test('what is left unsaid: default network, limits, healthcheck, times', () => {
    const plain = desiredOf(projectOf('services:\n  a: { image: a, healthcheck: { disable: true } }\n  b: { image: b, network_mode: none, entrypoint: "", pull_policy: always }\n'), { removeOrphans: false });
    expect(plain.networks['app_default']?.spec).toMatchObject({ driver: 'bridge', external: false, labels: { 'com.docker.compose.network': 'default' } });
    expect(plain.services['a']?.template).toMatchObject({ networks: { app_default: { aliases: ['a'] } }, resources: { memory: null, cpus: null, pids: null }, stopGracePeriodMs: 10_000, healthcheck: { test: ['NONE'] }, command: null, entrypoint: null });
    expect(plain.services['b']?.template).toMatchObject({ networkMode: 'none', networks: {}, healthcheck: null, entrypoint: [] });
    expect(plain.images['b']?.spec.pullPolicy).toBe('always');
  });

  test('services of other profiles are named as inactive', () => {
    const text = 'services:\n  a: { image: a }\n  b: { image: b, profiles: [debug] }\n';
    expect(desiredOf(projectOf(text), { removeOrphans: true }).inactive).toEqual(['b']);
    expect(desiredOf(projectOf(text, { profiles: ['debug'] }), { removeOrphans: true }).inactive).toEqual([]);
  });

  test('external resources keep their bare name', () => {
    const plain = desiredOf(projectOf('services:\n  a: { image: a, networks: [n], volumes: ["data:/v"] }\nnetworks: { n: { external: true } }\nvolumes: { data: { external: true, name: w } }\n'), { removeOrphans: false });
    expect(plain.networks['n']?.spec.external).toBe(true);
    expect(plain.volumes['w']?.spec.external).toBe(true);
  });
});

describe('what is not built yet', () => {
  test('is a note where a service runs without it', () => {
    const project = projectOf('services:\n  web: { image: a, attach: true, privileged: false, ports: ["80-90:80"], build: ., deploy: { labels: { a: b } }, expose: [80] }\n');
    expect(desiredOf(project, { removeOrphans: false }).notes).toEqual([
      'service web: key "build" is not built yet and is ignored, the image is used as it is',
      'service web: key "deploy.labels" is not built yet and is ignored',
    ]);
  });

  test('ports that cannot be exposed are told: docker compose takes them too, and none can listen there', () => {
    const project = projectOf('services:\n  web: { image: a, expose: ["80/TCP", "70000", "80-70", 5-7/Udp, "80/xyz"] }\n');
    const { notes, services } = desiredOf(project, { removeOrphans: false });
    expect(notes).toEqual(['70000', '80-70', '80/xyz'].map((port) => `service web: expose: "${port}" is no port from 1 to 65535, or a range upwards, such as 80, 53/udp or 8000-8002, and is ignored`));
    expect(services['web']?.template.exposed).toEqual(['80/tcp', '5/udp', '6/udp', '7/udp']);
  });

  test('leaves out what a provider provides, and gives what it has answered to those that depend on it', () => {
    const project = projectOf('services:\n  my-db: { provider: { type: cloud, options: { size: 1 } } }\n  web: { image: a, depends_on: [my-db], environment: { A: b } }\n  other: { image: a }\n');
    const provided = withProvided(project, { 'my-db': { type: 'cloud', options: {}, variables: { URL: 'x' }, raw: { A: 'c' } } });
    const { services, images } = desiredOf(provided, { removeOrphans: false });
    expect(Object.entries(services).map(([name, { template, dependsOn }]) => [name, template.environment, dependsOn])).toEqual([['web', { A: 'c', 'MY-DB_URL': 'x' }, {}], ['other', {}, {}]]);
    expect(Object.keys(images)).toEqual(['a']);
    expect([...providersOf(project)]).toEqual([['my-db', { type: 'cloud', options: { size: ['1'] } }]]);
    expect([...providersOf(project, ['other'])]).toEqual([]);
  });

  test('asks for devices by name and by what they can do, as docker compose asks Docker', () => {
    const project = projectOf('services:\n  web: { image: a, devices: [vendor.com/net=a, /dev/null], gpus: [{ count: 2 }], deploy: { resources: { reservations: { devices: [{ capabilities: [gpu], device_ids: ["1"], driver: nvidia }] } } } }\n  all: { image: a, gpus: all }\n');
    const of = (name: string): unknown => desiredOf(project, { removeOrphans: false }).services[name]?.template.deviceRequests;
    expect(of('web')).toEqual([
      { driver: 'nvidia', count: 0, ids: ['1'], capabilities: [['gpu']], options: {} }, { driver: 'cdi', count: 0, ids: ['vendor.com/net=a'], capabilities: [], options: {} },
      { driver: '', count: 2, ids: [], capabilities: [['gpu']], options: {} },
    ]);
    expect(of('all')).toEqual([{ driver: '', count: -1, ids: [], capabilities: [['gpu']], options: {} }]);
  });

  test.each<[string, string]>([
    ['gpus: [{ driver: fpga }]', '3:12: services.web: gpus: could not select device driver "fpga" with capabilities: [[gpu]]; "cdi", "nvidia" and "amd" are known, and the capability "gpu"'],
    ['deploy: { resources: { reservations: { devices: [{ capabilities: [tpu] }] } } }', '3:54: services.web: deploy.resources.reservations.devices: could not select device driver "" with capabilities: [[tpu]]; "cdi", "nvidia" and "amd" are known, and the capability "gpu"'],
  ])('is refused where it would be unsafe: %s', (key, line) => {
    const project = projectOf(`services:\n  web:\n    ${key}\n    image: a\n`);
    expect(() => desiredOf(project, { removeOrphans: false })).toThrow(new BayplanError('stack-file', `/app/compose.yaml:${line}`));
    expect(configOf(project)).toMatchObject({ services: { web: { image: 'a' } } });
  });

  test.each([['init', 'init'], ['tty', 'tty'], ['stdin_open', 'stdinOpen']])('a flag is the container\'s: %s', (key, field) => {
    const project = projectOf(`services:\n  web:\n    image: a\n    ${key}: true\n`);
    expect(desiredOf(project, { removeOrphans: false }).services['web']?.template).toMatchObject({ init: false, tty: false, stdinOpen: false, [field]: true });
    expect(project.notes).toEqual([]);
  });

  test('refuses a build without an image and drivers, all at once', () => {
    const project = projectOf('services:\n  a: { build: . }\n  b: { image: b, secrets: [s], volumes: ["data:/v"] }\nvolumes: { data: { driver: nfs } }\nsecrets: { s: { driver: vault, file: ./s } }\n');
    expect(project.refusals.map((refusal) => refusal.line)).toEqual([2, 4, 5]);
  });
});

test('configOf prints long forms, and what it prints loads to the same', () => {
  const project = projectOf(shop);
  expect(configOf(project)).toMatchObject({
    name: 'shop',
    services: { proxy: { command: null, ports: [{ mode: 'ingress', target: 80, published: '8080', protocol: 'tcp' }, {}, {}] }, app: { healthcheck: { interval: '5s' }, deploy: { resources: { limits: { memory: '67108864' } } } } },
    networks: { back: { name: 'custom', internal: true }, front: { name: 'shop_front' } }, volumes: { data: { name: 'shop_data' } },
  });
  const money = projectOf('name: x\nservices:\n  a: { image: a, command: "echo $$HOME" }\n');
  for (const each of [project, money]) expect(configOf(projectOf(configYaml(each)))).toEqual(configOf(each));
  expect(configYaml(money)).toContain('$$HOME');
});

test.each([
  ['always', { pullPolicy: 'always', refreshMs: 0 }], ['if_not_present', { pullPolicy: 'missing', refreshMs: 0 }], ['never', { pullPolicy: 'never', refreshMs: 0 }], ['daily', { pullPolicy: 'refresh', refreshMs: 86_400_000 }],
  ['weekly', { pullPolicy: 'refresh', refreshMs: 604_800_000 }], ['every_1h30m', { pullPolicy: 'refresh', refreshMs: 5_400_000 }], ['refresh, pull_refresh_after: 2h', { pullPolicy: 'refresh', refreshMs: 7_200_000 }],
])('pull_policy %s', (policy, spec) => {
  const image = (services: string): unknown => desiredOf(projectOf(`services:\n${services}`), { removeOrphans: false }).images['a']?.spec;
  expect(image(`  a: { image: a, pull_policy: ${policy} }\n`)).toEqual(spec);
  expect(image(`  a: { image: a, pull_policy: ${policy} }\n  b: { image: a, pull_policy: always }\n`)).toEqual({ pullPolicy: 'always', refreshMs: 0 });
});
