import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plan } from '../../src/plan/plan.ts';
import { printPlan } from '../../src/plan/print.ts';
import type { Healthcheck } from '../../src/state/container.ts';
import type { Service } from '../../src/state/service.ts';
import { nothingDesired, type Desired, type State } from '../../src/state/state.ts';
import { simulate } from './simulate.ts';
import { bare, desired, IMAGE, service, withStatus } from './states.ts';
import { attachment, publishedPort } from '../spec-values.ts';

const check: Healthcheck = { test: ['CMD', 'true'], intervalMs: 1, timeoutMs: 1, startPeriodMs: 0, startIntervalMs: 1, retries: 1 };
const port = publishedPort({ published: 80 });
const data = { type: 'volume' as const, source: 'shop_data', target: '/data', readOnly: false, nocopy: false, subpath: '' };

const shop = desired({
  db: service({ healthcheck: check, mounts: [data] }),
  migrate: service({ command: ['once'] }, { db: 'healthy' }),
  web: service({ ports: [port] }, { db: 'started', migrate: 'completed' }, 2),
});

const hook = { image: IMAGE, command: ['once'], user: '', privileged: false, workingDir: '', environment: [], perReplica: false };

/** Carries plans out on the model until one is empty. */
function converge(wanted: Desired, from: State): State {
  let state = from;
  for (let turn = 0; turn < 20; turn++) {
    const { steps } = plan(wanted, state, 10);
    if (steps.length === 0) return state;
    for (const step of steps) state = simulate(state, step);
  }
  throw new Error('it never ends');
}

const text = (wanted: Desired, actual: State, since?: number): string => printPlan(plan(wanted, actual, 10, since));
const up = converge(shop, bare());

describe('the whole text of a plan', () => {
  it('from nothing', () => {
    expect(text(shop, bare())).toMatchInlineSnapshot(`
      "create-network shop_default  (there is no such network)
      create-volume shop_data  (there is no such volume)
      create-container shop-db-1  (service db has no container 1)
      start-container shop-db-1  (service db has no container 1)
      create-container shop-migrate-1  (service migrate has no container 1)
      wait-container shop-db-1 healthy  (service migrate depends on it)
      start-container shop-migrate-1  (service migrate has no container 1)
      create-container shop-web-1  (service web has no container 1)
      wait-container shop-migrate-1 completed  (service web depends on it)
      start-container shop-web-1  (service web has no container 1)
      publish-ports shop-web-1  (service web has no container 1)
      create-container shop-web-2  (service web has no container 2)
      start-container shop-web-2  (service web has no container 2)
      publish-ports shop-web-2  (service web has no container 2)
      "
    `);
  });

  it('is empty when all is so, the one-shot that has succeeded included', () => expect(text(shop, up)).toBe(''));

  it('gives one that somebody renamed its name back as it runs, and makes it anew only where more is to be changed, or its name is taken', () => {
    const named = (name: string, more: State['containers'] = {}): State => ({ ...up, containers: { ...Object.fromEntries(Object.entries(up.containers).map(([own, container]) => [own === 'shop-web-1' ? name : own, container])), ...more } });
    expect(text(shop, named('mine'))).toBe('rename-container mine  (the container\'s name: mine → shop-web-1)\n');
    expect(text(shop, converge(shop, named('mine')))).toBe('');
    expect(text(shop, named('a'))).toBe('rename-container a  (the container\'s name: a → shop-web-1)\n'); // whatever sorts first
    const changed = desired({ ...shop.services, web: service({ ports: [port], environment: { A: 'b' } }, { db: 'started', migrate: 'completed' }, 2) });
    expect(text(changed, named('mine'))).toContain('remove-container mine  (the container\'s name: mine → shop-web-1)');
    const limited = desired({ ...shop.services, web: service({ ports: [port], stopGracePeriodMs: 7 }, { db: 'started', migrate: 'completed' }, 2) });
    expect(Object.keys(converge(limited, named('mine')).containers).sort()).toEqual(Object.keys(up.containers).sort());
  });

  it('names the environment variable and recreates that service alone', () => {
    const changed = desired({ ...shop.services, web: service({ ports: [port], environment: { COLOUR: 'secret' } }, { db: 'started', migrate: 'completed' }, 1) });
    expect(text(changed, up)).toMatchInlineSnapshot(`
      "withdraw-ports shop-web-1  (environment.COLOUR added)
      stop-container shop-web-1  (environment.COLOUR added)
      remove-container shop-web-1  (environment.COLOUR added)
      withdraw-ports shop-web-2  (service web wants 1 replica)
      stop-container shop-web-2  (service web wants 1 replica)
      remove-container shop-web-2  (service web wants 1 replica)
      create-container shop-web-1  (environment.COLOUR added)
      start-container shop-web-1  (environment.COLOUR added)
      publish-ports shop-web-1  (environment.COLOUR added)
      note: service web: recreate, stop-first: it has no health check
      "
    `);
    expect(text(changed, up)).not.toContain('secret');
  });

  it('reports what is no longer in the file, and removes it when asked', () => {
    const { web: _web, ...rest } = shop.services;
    expect(text(desired(rest), up)).toMatchInlineSnapshot(`
      "note: container shop-web-1 belongs to service web, which is not in the file: --remove-orphans removes it
      note: container shop-web-2 belongs to service web, which is not in the file: --remove-orphans removes it
      "
    `);
    expect(text(desired(rest, { remove: { orphans: true, volumes: false } }), up)).toContain('remove-container shop-web-1  (service web is not in the file)');
  });

  it('goes the other way round for down, and keeps volumes', () => {
    expect(text(nothingDesired('shop', false, 3), up)).toMatchInlineSnapshot(`
      "withdraw-ports shop-web-1  (the stack goes down)
      stop-container shop-web-1  (the stack goes down)
      withdraw-ports shop-web-2  (the stack goes down)
      stop-container shop-web-2  (the stack goes down)
      stop-container shop-db-1  (the stack goes down)
      remove-container shop-db-1  (the stack goes down)
      remove-container shop-migrate-1  (the stack goes down)
      remove-container shop-web-1  (the stack goes down)
      remove-container shop-web-2  (the stack goes down)
      remove-network shop_default  (the stack goes down)
      "
    `);
    const stop = plan(nothingDesired('shop', false, 3), up, 10).steps.find((step) => step.id === 'stop-container shop-db-1');
    expect(stop?.args).toEqual({ name: 'shop-db-1', signal: null, graceMs: 3000 });
    expect(stop?.needs).toEqual(['stop-container shop-web-1', 'stop-container shop-web-2']);
  });

  it('removes volumes when asked, after the containers', () => {
    const last = plan(nothingDesired('shop', true, null), up, 10).steps.at(-1);
    expect([last?.id, last?.needs]).toEqual(['remove-volume shop_data', ['remove-container shop-db-1']]);
  });

  it('says which image is missing, and needs it', () => {
    expect(text(desired({ db: service() }), { ...bare(), images: {} })).toContain(`pull-image ${IMAGE}  (it is not in the store)`);
  });

  it('names a tag that stands for another image now', () => {
    const other = structuredClone(up);
    const image = other.images[IMAGE]?.status;
    if (image) image.id = `sha256:${'b'.repeat(64)}`;
    expect(text(shop, other)).toContain(`(image: ${IMAGE} was aaaaaaaaaaaa and is bbbbbbbbbbbb now)`);
  });

  it('names a secret that holds something else, and no digest', () => {
    const grant = { name: 'secret shop_key', digest: '', target: '/run/secrets/key', uid: 0, gid: 0, mode: 0o444, onChange: null };
    const holding = (digest: string, mode = grant.mode): Desired =>
      desired({ db: service({ contents: [{ ...grant, mode }] }) }, { contents: { 'secret shop_key': { kind: 'secret', external: false, digest } } });
    const before = converge(holding('aaa'), bare());
    expect(text(holding('aaa'), before)).toBe('');
    expect(text(holding('bbb'), before)).toContain('create-container shop-db-1  (secret shop_key changed)');
    // Where the file says what follows, it is replaced while the container runs.
    const told = (digest: string, signal = 'SIGHUP'): Desired => desired({ db: service({ contents: [{ ...grant, onChange: { signal, exec: [] } }] }) }, { contents: { 'secret shop_key': { kind: 'secret', external: false, digest } } });
    const running = converge(told('aaa'), bare());
    expect(text(told('bbb'), running)).toMatch(/^update-container shop-db-1 {2}\(in place: secret shop_key changed\)$/m);
    expect(text(told('bbb'), running)).not.toContain('create-container');
    expect(text(told('aaa', 'SIGUSR1'), running)).toContain('(in place: contents[/run/secrets/key].onChange.signal: "SIGHUP" → "SIGUSR1")');
    const both = told('bbb');
    const { db } = both.services;
    if (db !== undefined) expect(text({ ...both, services: { db: { ...db, template: { ...db.template, user: 'app' } } } }, running)).toContain('remove-container shop-db-1  (user: "" → "app"; secret shop_key changed)\n');
    expect(text(told('aaa'), before)).toContain('update-container shop-db-1');
    expect(text(holding('aaa', 0o400), before)).toContain('(contents[/run/secrets/key].mode: "0444" → "0400")');
  });
});

describe('containers that have ended', () => {
  const ended = (change: Parameters<typeof withStatus>[2]): State => withStatus(up, 'shop-web-1', { phase: 'exited', ports: [], ...change });
  it.each([
    ['code 1', { exitCode: 1 }, 'start-container shop-web-1  (it has ended with code 1)\npublish-ports shop-web-1  (it has ended with code 1)\n'],
    ['stopped by hand', { exitCode: 0, held: true }, 'start-container shop-web-1  (it was stopped)\npublish-ports shop-web-1  (it was stopped)\n'],
    ['a restart is due', { exitCode: 1, restartAt: 99 }, ''],
    ['a one-shot that succeeded', { exitCode: 0 }, ''],
    ['lost', { phase: 'lost' as const, exitCode: 137 }, 'start-container shop-web-1  (it was lost)\npublish-ports shop-web-1  (it was lost)\n'],
  ])('%s', (_what, change, expected) => expect(text(shop, ended(change))).toBe(expected));

  it('one whose stop was begun and cut off is stopped and started, whatever it was told before', () => {
    expect(text(shop, withStatus(up, 'shop-web-1', { held: true, ports: [] }))).toBe(
      'stop-container shop-web-1  (its stop was begun)\nstart-container shop-web-1  (its stop was begun)\npublish-ports shop-web-1  (its stop was begun)\n');
  });
  it('one that was started by this very request and has ended is left, and noted', () => {
    expect(text(shop, ended({ exitCode: 1, startedAt: 7 }), 5)).toBe('note: container shop-web-1 was started, and it has ended with code 1\n');
  });
  it('says when a restart will be due', () => expect(plan(shop, ended({ exitCode: 1, restartAt: 99 }), 10).wakeAt).toBe(99));
});

it('leaves the containers of services alone whose profile is not active', () => {
  const { web: _web, ...rest } = shop.services;
  expect(text(desired(rest, { inactive: ['web'], remove: { orphans: true, volumes: false } }), up)).toBe('');
});

it('keeps the networks of such services, also when none is active', () => {
  const wanted = desired({}, { inactive: ['db', 'migrate', 'web'], networks: {}, remove: { orphans: true, volumes: false } });
  expect(text(wanted, up)).toBe('');
  expect(converge(nothingDesired('shop', false, null), up).containers).toEqual({});
});

it('refuses to make a network again while a service that is not selected is on it', () => {
  const { web: _web, ...rest } = shop.services;
  const network = shop.networks['shop_default'];
  if (network === undefined) throw new Error('the stack has a network');
  const wanted = desired(rest, { inactive: ['web'], networks: { shop_default: { ...network, spec: { ...network.spec, internal: true } } } });
  expect(() => plan(wanted, up, 10)).toThrow(/container shop-web-1 of service web, which is not selected, uses it/);
});

it('waits for an optional dependency apart from a required one of the same container', () => {
  const services = { db: service({ healthcheck: check }), web: service({}, { db: 'healthy' }), extra: { ...service(), dependsOn: { db: { condition: 'service_healthy', required: false, restart: false } } } } as const;
  const { steps } = plan(desired(services), bare(), 10);
  const needs = (id: string): readonly string[] => steps.find((step) => step.id === id)?.needs.filter((need) => need.startsWith('wait-')) ?? [];
  expect(needs('start-container shop-web-1')).toEqual(['wait-container shop-db-1 healthy']);
  expect(needs('start-container shop-extra-1')).toEqual(['wait-container shop-db-1 healthy optional']);
  expect(steps.find(({ id }) => id === 'wait-container shop-db-1 healthy optional')?.args).toEqual({ name: 'shop-db-1', until: 'healthy', optional: true });
});

it('serves who is with a replica that leaves to the end, where others stay', () => {
  const of = (replicas: number, stopTimeoutSeconds: number | null = null): string => text({ ...shop, services: { ...shop.services, ...(shop.services['web'] && { web: { ...shop.services['web'], replicas } }) }, stopTimeoutSeconds }, up);
  expect(of(1)).toMatchInlineSnapshot(`
    "withdraw-ports shop-web-2  (service web wants 1 replica)
    drain-container shop-web-2  (service web wants 1 replica)
    stop-container shop-web-2  (service web wants 1 replica)
    remove-container shop-web-2  (service web wants 1 replica)
    "
  `);
  expect(of(1, 0)).not.toContain('drain'); // there is no time for it
  expect(of(0)).not.toContain('drain'); // nobody else would serve meanwhile
  expect(text(nothingDesired('shop', false, null), up)).not.toContain('drain');
});

it('publishes what runs without its ports', () => {
  expect(text(shop, withStatus(up, 'shop-web-1', { ports: [] }))).toBe('publish-ports shop-web-1  (80:80/tcp is not published)\n');
});

it('publishes no ports of what is on internal networks alone', () => {
  const inside = structuredClone(shop);
  for (const network of Object.values(inside.networks)) network.spec.internal = true;
  expect(plan(shop, bare(), 10).steps.filter(({ action }) => action === 'publish-ports')).not.toEqual([]);
  expect(plan(inside, bare(), 10).steps.filter(({ action }) => action === 'publish-ports')).toEqual([]);
  expect(plan(inside, up, 10).steps.filter(({ action }) => action === 'publish-ports')).toEqual([]);
});

it('makes a changed network anew, its containers with it', () => {
  const changed = structuredClone(shop);
  const network = changed.networks['shop_default'];
  if (network) network.spec.internal = true;
  const steps = plan(changed, up, 10).steps;
  expect(steps.find((step) => step.id === 'remove-network shop_default')?.needs).toHaveLength(4);
  expect(steps.find((step) => step.id === 'create-container shop-db-1')?.why).toBe('network shop_default: internal: false → true');
  expect(plan(changed, converge(changed, up), 10).steps).toEqual([]);
});

it('changes labels of networks and volumes in place', () => {
  const changed = structuredClone(shop);
  Object.assign(changed.networks['shop_default']?.spec.labels ?? {}, { colour: 'red' });
  Object.assign(changed.volumes['shop_data']?.spec.labels ?? {}, { colour: 'red' });
  expect(text(changed, up)).toMatchInlineSnapshot(`
    "label-network shop_default  (in place: labels.colour: absent → "red")
    label-volume shop_data  (in place: labels.colour: absent → "red")
    "
  `);
  expect(text(changed, converge(changed, up))).toBe('');
});

it('says a changed subnet in words', () => {
  const changed = structuredClone(shop);
  const network = changed.networks['shop_default'];
  if (network) network.spec.ipam = [{ subnet: '10.9.0.0/24', gateway: '10.9.0.1', ipRange: '', auxAddresses: {} }];
  expect(plan(changed, up, 10).steps.find(({ id }) => id === 'remove-network shop_default')?.why).toBe('network shop_default: ipam[0]: absent → "10.9.0.0/24 gateway 10.9.0.1"');
});

it('makes no network and no volume before all missing images are there; makes the bridge of an external network where it is missing', () => {
  const two = desired({ db: service({ mounts: [data] }), web: service({ image: 'absent:1' }), other: service({ image: 'absent:2' }) }, { images: Object.fromEntries(['absent:1', 'absent:2', IMAGE].map((name) => [name, { spec: { pullPolicy: name === IMAGE ? 'always' : 'missing', refreshMs: 0 }, status: null, pulledAt: 0 }])) });
  const needs = new Map(plan(two, bare(), 10).steps.map((step) => [step.id, step.needs]));
  for (const id of ['create-network shop_default', 'create-volume shop_data']) expect(needs.get(id)).toEqual(['pull-image absent:1', 'pull-image absent:2']);
  expect(needs.get('create-container shop-db-1')).toContain('create-network shop_default');

  const gone = structuredClone(up);
  const network = gone.networks['shop_default'];
  if (network?.status) network.status.present = false;
  const external = structuredClone(shop);
  if (external.networks['shop_default']) external.networks['shop_default'].spec.external = true;
  expect(plan(external, gone, 10).steps.find(({ id }) => id === 'create-network shop_default')).toMatchObject({ args: { stack: 'shop', network: { external: false } }, why: 'the bridge of shop_default is missing' });
});

it('refuses what cannot be', () => {
  const circle = desired({ a: service({}, { b: 'started' }), b: service({}, { a: 'started' }) });
  expect(() => plan(circle, bare(), 10)).toThrow('depends_on goes in a circle: a → b → a');
  const external = structuredClone(shop);
  const network = external.networks['shop_default'];
  if (network) network.spec.external = true;
  expect(() => plan(external, bare(), 10)).toThrow('network shop_default is declared external');
});

describe('what a recreation must not cost', () => {
  it('the container that runs, where the new image is missing: it goes only once the image is there', () => {
    const wanted = desired({ ...shop.services, db: service({ healthcheck: check, mounts: [data], image: 'absent' }) });
    const steps = plan(wanted, up, 10).steps;
    expect(steps.find(({ id }) => id === 'stop-container shop-db-1')?.needs).toEqual(['pull-image absent']);
    expect(text(shop, { ...up, images: {} })).toBe('');
  });

  it('the container that runs, where another that it depends on and that stays as it is has yet to become healthy', () => {
    const stack = (color: string): Desired => desired({ db: service({ healthcheck: check }), app: service({ mounts: [data], environment: { color } }, { db: 'healthy' }) });
    const before = converge(stack('red'), bare());
    const db = before.containers['shop-db-1'];
    if (db?.status == null) throw new Error('there is no database');
    const starting: State = { ...before, containers: { ...before.containers, 'shop-db-1': { ...db, status: { ...db.status, health: 'starting' } } } };
    const needsOf = (actual: State): readonly string[] | undefined => plan(stack('blue'), actual, 10).steps.find(({ id }) => id === 'stop-container shop-app-1')?.needs;
    expect(needsOf(starting)).toEqual(['wait-container shop-db-1 healthy']);
    expect(needsOf(before)).toEqual([]);
  });

  it('a port that another service gives up: it is published once that has let it go', () => {
    const before = converge(desired({ a: service({ ports: [port] }), b: service() }), bare());
    const steps = plan(desired({ a: service(), b: service({ ports: [port] }) }), before, 10).steps;
    expect(steps.find(({ id }) => id === 'publish-ports shop-b-1')?.needs).toEqual(['update-container shop-b-1', 'withdraw-ports shop-a-1']);
  });

  it('a port that what it depends on is to get: it lets it go at once, before its successor is tried', () => {
    const stack = (color: string, ...[a, b]: readonly (typeof port | null)[]): Desired => desired({
      a: service({ ports: a ? [a] : [], healthcheck: check, mounts: [data], environment: { color } }), b: service({ ports: b ? [b] : [], healthcheck: check, environment: { color } }, { a: 'healthy' }),
    });
    const needsOf = (id: string, before: Desired, after: Desired): readonly string[] | undefined => plan(after, converge(before, bare()), 10).steps.find((step) => step.id === id)?.needs;
    expect(needsOf('withdraw-ports shop-b-1', stack('red', null, port), stack('blue', port, publishedPort({ published: 81 })))).toEqual([]);
    const [one, other] = [publishedPort({ published: 80, hostIp: '127.0.0.1' }), publishedPort({ published: 80, hostIp: '127.0.0.2' })];
    expect(needsOf('withdraw-ports shop-b-1', stack('red', one, other), stack('blue', one, other))).toEqual(['publish-ports shop-b-1.g2']);
    expect(needsOf('publish-ports shop-a-1', stack('red', one, other), stack('blue', one, other))).not.toContain('withdraw-ports shop-b-1');
  });

  it('names that two services swap', () => {
    const named = (a: string, b: string): Desired => desired({ a: { ...service(), containerName: a }, b: { ...service(), containerName: b } });
    const end = converge(named('y', 'x'), converge(named('x', 'y'), bare()));
    expect(Object.entries(end.containers).map(([name, { identity }]) => [name, identity.service, identity.generation]).sort()).toEqual([['x', 'b', 2], ['y', 'a', 2]]);
  });

  it('the whole plan, where containers of different ages depend on each other', () => {
    const turned = structuredClone(converge(desired({ a: service({}, { b: 'started' }), b: service() }), bare()));
    const b = turned.containers['shop-b-1'];
    if (b) b.spec.labels['com.docker.compose.depends_on'] = 'a:service_started:false';
    expect(Object.keys(converge(nothingDesired('shop', false, null), turned).containers)).toEqual([]);
  });
});

describe('depends_on with restart', () => {
  const stack = (environment: Record<string, string>): Desired => {
    const wanted = desired({ db: service({ environment, healthcheck: check }), web: service({ ports: [port] }, { db: 'healthy' }) });
    const link = wanted.services['web']?.dependsOn['db'];
    if (link) link.restart = true;
    return wanted;
  };
  const before = converge(stack({}), bare());

  it('restarts the dependent once what it depends on is ready again', () => {
    expect(text(stack({ A: '1' }), before)).toMatchInlineSnapshot(`
      "create-container shop-db-1.g2  (rolling: environment.A added)
      start-container shop-db-1.g2  (rolling: environment.A added)
      wait-container shop-db-1.g2 ready  (rolling: environment.A added)
      drain-container shop-db-1  (rolling: environment.A added)
      stop-container shop-db-1  (rolling: environment.A added)
      remove-container shop-db-1  (rolling: environment.A added)
      rename-container shop-db-1.g2  (rolling: environment.A added)
      withdraw-ports shop-web-1  (service db, which it depends on, is made anew)
      stop-container shop-web-1  (service db, which it depends on, is made anew)
      start-container shop-web-1  (service db, which it depends on, is made anew)
      publish-ports shop-web-1  (service db, which it depends on, is made anew)
      note: service db: rolling, start-first: it has a health check, and nothing that two cannot have at once
      "
    `);
  });

  it('also when the pass before ended in between', () => {
    const half = withStatus(before, 'shop-db-1', { createdAt: 5 });
    expect(plan(stack({}), half, 10).steps.map(({ id }) => id)).toEqual([
      'withdraw-ports shop-web-1', 'stop-container shop-web-1', 'start-container shop-web-1', 'publish-ports shop-web-1',
    ]);
    expect(plan(stack({}), withStatus(before, 'shop-db-1', { createdAt: 50 }), 10).steps).toEqual([]); // a clock was set back
  });
});

it('gives a network its bridge back, and the containers on it their links', () => {
  const lost = structuredClone(up);
  const status = lost.networks['shop_default']?.status;
  if (status) status.present = false;
  expect(text(shop, lost)).toMatchInlineSnapshot(`
    "create-network shop_default  (the bridge of shop_default is missing)
    stop-container shop-db-1  (the bridge of shop_default is missing)
    start-container shop-db-1  (the bridge of shop_default is missing)
    withdraw-ports shop-web-1  (the bridge of shop_default is missing)
    stop-container shop-web-1  (the bridge of shop_default is missing)
    start-container shop-web-1  (the bridge of shop_default is missing)
    publish-ports shop-web-1  (the bridge of shop_default is missing)
    withdraw-ports shop-web-2  (the bridge of shop_default is missing)
    stop-container shop-web-2  (the bridge of shop_default is missing)
    start-container shop-web-2  (the bridge of shop_default is missing)
    publish-ports shop-web-2  (the bridge of shop_default is missing)
    "
  `);
});

it('publishes nothing for a container on no network', () => {
  const host = desired({ a: service({ networkMode: 'host', networks: {}, ports: [port] }) });
  expect(text(host, bare())).not.toContain('publish');
});

it('removes a network that the file no longer names with its orphans, never while somebody is on it', () => {
  const back = structuredClone(up);
  const network = back.networks['shop_default'];
  if (network) back.networks['shop_back'] = network;
  expect(text(shop, back)).toBe('note: network shop_back is used by no service that is asked for: --remove-orphans removes it\n');
  const all: Desired = { ...shop, remove: { orphans: true, volumes: false } };
  expect(text(all, back)).toBe('remove-network shop_back  (network shop_back is used by no service that is asked for)\n');
  const web = back.containers['shop-web-1'];
  const networks = { shop_back: attachment() };
  if (web) back.containers['shop-web-run-1'] = { ...web, identity: { ...web.identity, owner: 'oneoff' }, spec: { ...web.spec, networks } };
  expect(text(all, back)).toBe('note: network shop_back is kept: shop-web-run-1 still on it\n');
});

it('removes one-offs that have ended with the orphans, also of a service whose profile is off', () => {
  const back = structuredClone(up);
  const web = back.containers['shop-web-1'];
  if (web?.status) {
    back.containers['shop-web-run-1'] = { ...web, identity: { ...web.identity, owner: 'oneoff' } };
    back.containers['shop-web-run-2'] = { ...web, identity: { ...web.identity, owner: 'oneoff' }, status: { ...web.status, phase: 'exited' } };
  }
  const { web: _, ...rest } = shop.services;
  const lines = text(desired(rest, { inactive: ['web'], remove: { orphans: true, volumes: false } }), back);
  expect([lines.includes('remove-container shop-web-run-2  (it is a one-off that has ended)\n'), lines.includes('shop-web-run-1')]).toEqual([true, false]);
  expect(text(desired(rest, { inactive: ['web'] }), back)).toBe('');
});

it('refuses a name that is somebody else\'s', () => {
  const taken = structuredClone(up);
  const other = taken.containers['shop-db-1'];
  if (other) other.identity.stack = 'other';
  expect(() => plan(shop, taken, 10)).toThrow('the name shop-db-1 is taken');
});

it('makes a plan for a thousand containers, in an order in which it can be carried out', () => {
  const services = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`s${at}`, service({}, at === 0 ? {} : { [`s${at - 1}`]: 'started' }, 2)]));
  const { steps } = plan(desired(services), bare(), 10);
  expect(steps).toHaveLength(2001);
  const done = new Set<string>();
  for (const { id, needs } of steps) {
    expect(needs.filter((need) => !done.has(need))).toEqual([]);
    done.add(id);
  }
});

describe('as a property of any small stack', () => {
  const anyService = fc.record({ env: fc.constantFrom('a', 'b'), port: fc.constantFrom(null, '', '127.0.0.1', '127.0.0.2'), health: fc.boolean(), once: fc.boolean(), hook: fc.boolean(), volume: fc.boolean(), replicas: fc.integer({ min: 0, max: 3 }) });
  const anyStack = fc.array(anyService, { minLength: 0, maxLength: 4 }).chain((services) => fc.array(fc.nat(3), { minLength: services.length, maxLength: services.length }).map((links): Desired => {
    const all: Record<string, Service> = {};
    services.forEach((one, at) => {
      const link = links[at] ?? 0;
      const to = services[link];
      const needs = to === undefined || link >= at ? {} : { [`s${link}`]: to.once ? 'completed' as const : to.health ? 'healthy' as const : 'started' as const };
      const healthcheck = one.health && !one.once ? check : null;
      all[`s${at}`] = service({ environment: { E: one.env }, ports: one.port !== null && !one.once ? [publishedPort({ published: 80, hostIp: one.port })] : [], healthcheck, command: one.once ? ['once'] : null, preStart: one.hook ? [hook] : [], mounts: one.volume ? [data] : [] }, needs, one.replicas);
    });
    return desired(all, { remove: { orphans: true, volumes: false } });
  }));

  it('a plan cut off anywhere is finished by the next, and then nothing is left to do', () => {
    fc.assert(fc.property(anyStack, anyStack, fc.nat(40), (first, second, cut) => {
      let state = converge(first, bare());
      const { steps } = plan(second, state, 10);
      steps.forEach(({ id, needs }, at) => needs.forEach((need) => expect([id, steps.slice(0, at).map((step) => step.id)]).toEqual([id, expect.arrayContaining([need])])));
      for (const step of steps.slice(0, cut)) state = simulate(state, step);
      const end = converge(second, state);
      expect(plan(second, end, 10).steps).toEqual([]);
      expect(Object.values(end.containers).filter(({ identity }) => identity.owner === 'hook')).toEqual([]);
      expect(Object.values(end.containers).filter(({ spec, status }) => status?.phase !== 'running' && spec.command === null)).toEqual([]);
      expect(Object.keys(converge(nothingDesired('shop', true, null), end).containers)).toEqual([]);
    }), { numRuns: 300 });
  }, 60_000);

  it('survives JSON, and equal inputs give equal plans', () => {
    fc.assert(fc.property(anyStack, (wanted) => {
      const made = plan(wanted, bare(), 10);
      expect(JSON.parse(JSON.stringify(made))).toEqual(made);
      expect(plan(structuredClone(wanted), bare(), 10)).toEqual(made);
      made.steps.forEach(({ id, needs }, at) => { // each id is there once, and needs come first
        const before = made.steps.slice(0, at).map((step) => step.id);
        expect(before).not.toContain(id);
        for (const need of needs) expect(before).toContain(need);
      });
    }));
  });
});
