import { connect, type Socket } from 'node:net';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { printPlan } from '../../src/plan/print.ts';
import { eventually, Machine } from './harness.ts';
import { interrupted, runningContainers } from './interrupted.ts';
import { testWherePresent, v1Missing } from '../where-present.ts';

// What the kernel can change while a container runs is changed in place: its process and an open connection live through each of the changes.
const NAME = 'demo-web-1';
const PORT = 18_431;
const MIB = 1024 * 1024;
let machine: Machine;
let line: Socket;
let pid: number | undefined;

interface Web { readonly service?: string; readonly networks?: string; readonly ports?: string; readonly more?: string }
const stack = ({ service = '', networks = 'front: {}', ports = `"${PORT}:7"`, more = '' }: Web): string => `
services:
  web:
    image: bayplan/hello
    init: true
    command: [nc, -ll, -p, "7", -e, cat]
    stop_signal: SIGKILL
    networks: { ${networks} }
    ports: [${ports}]
    ${service}
  peer: { image: bayplan/hello, init: true, command: [sleep, "1000"], stop_signal: SIGKILL, networks: [front, back] }
networks: { front: {}, back: {}${more} }
`;

const LIMITED = 'mem_limit: 64m\n    cpus: 0.5\n    pids_limit: 30';
/** Each change from the one before it, and the steps that make it. */
const CHANGES: readonly (readonly [what: string, web: Web, steps: readonly string[]])[] = [
  ['limits', { service: LIMITED }, [`update-container ${NAME}`]],
  ['a restart policy', { service: `${LIMITED}\n    restart: on-failure:3` }, [`update-container ${NAME}`]],
  ['labels', { service: 'labels: { colour: red }' }, [`update-container ${NAME}`]],
  ['what it is said to listen at', { service: 'expose: [7, "90-91/udp"]' }, [`update-container ${NAME}`]],
  ['a grace period', { service: 'stop_grace_period: 3s' }, [`update-container ${NAME}`]],
  ['a health check', { service: 'healthcheck: { test: [CMD, "true"], interval: 100ms }' }, [`update-container ${NAME}`]],
  ['one published port more', { ports: `"${PORT}:7", "${PORT + 1}:7"` }, [`update-container ${NAME}`, `publish-ports ${NAME}`]],
  ['one published port less', {}, [`update-container ${NAME}`, `publish-ports ${NAME}`]],
  ['who may come in', { ports: `"${PORT}:7"`, service: 'x-bayplan: { allow: [10.0.0.0/8] }' }, [`update-container ${NAME}`, `publish-ports ${NAME}`]],
  ['nobody but the host no more', {}, [`update-container ${NAME}`, `publish-ports ${NAME}`]],
  ['a port at one address alone', { ports: `"127.0.0.1:${PORT}:7"` }, [`update-container ${NAME}`, `withdraw-ports ${NAME}`, `publish-ports ${NAME}`]],
  ['and at all again', {}, [`update-container ${NAME}`, `withdraw-ports ${NAME}`, `publish-ports ${NAME}`]],
  ['a network that is not there yet', { networks: 'front: {}, fresh: {}', more: ', fresh: {}' }, ['create-network demo_fresh', `connect-network ${NAME} demo_fresh`, `publish-ports ${NAME}`]],
  ['and it no more', { more: ', fresh: {}' }, [`disconnect-network ${NAME} demo_fresh`, `publish-ports ${NAME}`]],
  ['one network more', { networks: 'front: {}, back: {}' }, [`connect-network ${NAME} demo_back`, `publish-ports ${NAME}`]],
  ['aliases', { networks: 'front: { aliases: [shop] }, back: {}' }, [`connect-network ${NAME} demo_front`, `publish-ports ${NAME}`]],
  ['one network less', { networks: 'front: {}' }, [`disconnect-network ${NAME} demo_back`, `connect-network ${NAME} demo_front`, `publish-ports ${NAME}`]],
];

beforeAll(async () => {
  machine = new Machine();
  await machine.open();
  await machine.loadHello();
  expect(await machine.up(stack({}))).toMatchObject({ ok: true, message: '' });
  pid = machine.engine.container(NAME).status?.pid;
  line = await open();
});
afterAll(async () => {
  line.destroy();
  await machine.dispose();
});

async function open(): Promise<Socket> {
  return await eventually(() => new Promise<Socket>((resolve, reject) => {
    const socket = connect(PORT, '127.0.0.1', () => resolve(socket));
    socket.once('error', reject);
  }));
}

/** The connection that was opened at first carries a word to the container and back. */
async function echoes(socket: Socket, word: string): Promise<void> {
  const answer = new Promise<string>((resolve, reject) => {
    const ended = (): void => reject(new Error('the connection has ended'));
    socket.once('close', ended);
    socket.once('data', (data: Buffer) => {
      socket.off('close', ended);
      resolve(data.toString());
    });
  });
  socket.write(word);
  expect(await answer).toBe(word);
}

async function same(): Promise<void> {
  expect(machine.engine.container(NAME).status?.pid).toBe(pid);
  await echoes(line, 'still here');
}

it.each(CHANGES)('%s', async (_what, web, steps) => {
  const planned = await machine.engine.planStack('demo', machine.request(stack(web)));
  const lines = printPlan(planned.plan).split('\n').filter((text) => /^(update|connect|disconnect)/.test(text));
  for (const text of lines) expect(text).toMatch(/\(in place: .+→.+\)$/);
  const outcome = await machine.up(stack(web));
  expect(outcome).toMatchObject({ ok: true, done: steps });
  await same();
  expect((await machine.up(stack(web))).done).toEqual([]);
});

it('a check that is mended is not taken for what the broken one found', async () => {
  const checked = (command: string): string => stack({ service: `healthcheck: { test: [CMD, ${command}], interval: 50ms, retries: 1 }` });
  expect((await machine.up(checked('"false"'), { wait: true })).message).toMatch(/demo-web-1 is unhealthy/);
  expect(await machine.up(checked('"true"'), { wait: true })).toMatchObject({ ok: true, done: [`update-container ${NAME}`] });
  expect(machine.engine.container(NAME).status).toMatchObject({ health: 'healthy', pid });
});

it('labels of networks and volumes, which the next engine says too', async () => {
  const labelled = (colour: string): string => `${stack({ more: `, side: { labels: { colour: ${colour} } }` }).replace('networks: [front, back]', 'networks: [front, back, side], volumes: ["data:/data"]')}volumes: { data: { labels: { colour: ${colour} } } }\n`;
  expect(await machine.up(labelled('red'))).toMatchObject({ ok: true });
  const pids = (): unknown => Object.fromEntries([...machine.engine.containers.list()].map(([name, { status }]) => [name, status?.pid]));
  const before = pids();
  expect((await machine.up(labelled('blue'))).done.toSorted()).toEqual(['label-network demo_side', 'label-volume demo_data']);
  await machine.close();
  await machine.open();
  expect(machine.engine.networks.list().get('demo_side')?.spec.labels).toMatchObject({ colour: 'blue' });
  expect(machine.engine.volumes.list().get('demo_data')?.spec.labels).toMatchObject({ colour: 'blue' });
  expect((await machine.up(labelled('blue'))).done).toEqual([]);
  expect(pids()).toEqual(before);
  expect(await machine.up(stack({}))).toMatchObject({ ok: true });
});

it('is what the kernel says too', async () => {
  const file = (controller: string, name: string): string => readFileSync(join('/sys/fs/cgroup', controller, machine.paths.cgroup, machine.engine.container(NAME).status?.id.slice(0, 16) ?? '', name), 'utf8').trim();
  expect(await machine.up(stack({ service: LIMITED }))).toMatchObject({ ok: true });
  if (existsSync('/sys/fs/cgroup/memory')) expect([file('memory', 'memory.limit_in_bytes'), file('cpu', 'cpu.cfs_quota_us'), file('pids', 'pids.max')]).toEqual([String(64 * MIB), '50000', '30']);
  const answers = async (name: string): Promise<boolean> => (await machine.exec('demo-peer-1', 'nslookup', '-type=a', name, '127.0.0.11')).code === 0;
  expect(await machine.up(stack({ networks: 'front: { aliases: [shop] }, back: {}' }))).toMatchObject({ ok: true });
  expect(await answers('shop')).toBe(true);
  expect((await machine.exec(NAME, 'ip', '-o', '-4', 'addr')).output.match(/eth\d/g)).toHaveLength(4);
  expect(await machine.up(stack({ networks: 'front: {}' }))).toMatchObject({ ok: true });
  expect(await answers('shop')).toBe(false);
  expect(await answers('web')).toBe(true);
  await machine.up(stack({ service: 'labels: { colour: blue }' }));
  expect(machine.engine.container(NAME).spec.labels).toMatchObject({ colour: 'blue' });
  await same();
});

testWherePresent([v1Missing('cpuset')], 'shows a choice of processors inside: programs size themselves by it', async () => {
  const seen = async (): Promise<string> => (await machine.exec(NAME, 'cat', '/sys/fs/cgroup/cpuset/cpuset.cpus')).output.trim();
  const all = await seen();
  const mounts = async (): Promise<number> => (await machine.exec(NAME, 'cat', '/proc/mounts')).output.split('\n').filter((mount) => mount.includes(' /sys/fs/cgroup/cpuset ')).length;
  expect([await machine.up(stack({ service: 'cpuset: "0"' })), await seen(), await mounts()]).toMatchObject([{ ok: true, done: [`update-container ${NAME}`] }, '0', 1]);
  expect(await machine.exec(NAME, 'sh', '-c', 'nproc; echo 0 > /sys/fs/cgroup/cpuset/cpuset.cpus')).toMatchObject({ code: 1, output: expect.stringMatching(/^1\n.*Read-only file system/) });
  expect([await machine.up(stack({})), await seen(), await mounts()]).toMatchObject([{ ok: true }, all, 1]);
  await same();
});

it('gets its name back where somebody renamed it', async () => {
  const answers = async (name: string): Promise<boolean> => (await machine.exec('demo-peer-1', 'nslookup', '-type=a', name, '127.0.0.11')).code === 0;
  await machine.engine.renameContainer(NAME, 'mine');
  expect([await answers('mine'), await answers('web')]).toEqual([true, true]);
  expect((await machine.up(stack({}))).done).toEqual(['rename-container mine']);
  await same();
  expect([await answers('mine'), await answers(NAME), await answers('web')]).toEqual([false, true, true]);
  expect((await machine.up(stack({}))).done).toEqual([]);
});

it('all of them in one up, and back in one', async () => {
  const id = machine.engine.container(NAME).status?.id.slice(0, 16) ?? '';
  const pidsMax = (): string | null => (existsSync('/sys/fs/cgroup/pids') ? readFileSync(join('/sys/fs/cgroup/pids', machine.paths.cgroup, id, 'pids.max'), 'utf8').trim() : null);
  const all = stack({
    service: `${LIMITED}\n    restart: always\n    labels: { colour: green }\n    stop_grace_period: 4s\n    expose: ["9"]\n    healthcheck: { test: [CMD, "true"], interval: 100ms }`,
    ports: `"${PORT}:7", "${PORT + 1}:7"`, networks: 'front: { aliases: [store] }, back: {}',
  });
  const answers = async (name: string): Promise<boolean> => (await machine.exec('demo-peer-1', 'nslookup', '-type=a', name, '127.0.0.11')).code === 0;
  const done = (await machine.up(all, { wait: true })).done;
  expect(done.toSorted()).toEqual([`connect-network ${NAME} demo_back`, `connect-network ${NAME} demo_front`, `publish-ports ${NAME}`, `update-container ${NAME}`]);
  expect(machine.engine.container(NAME)).toMatchObject({ spec: { restart: { policy: 'always' }, stopGracePeriodMs: 4000, exposed: ['9/tcp'], labels: { colour: 'green' } }, status: { health: 'healthy', pid } });
  expect([pidsMax() ?? '30', await answers('store'), machine.engine.container(NAME).status?.ports.length]).toEqual(['30', true, 2]);
  await same();
  expect((await machine.up(stack({}))).done.toSorted()).toEqual([`connect-network ${NAME} demo_front`, `disconnect-network ${NAME} demo_back`, `publish-ports ${NAME}`, `update-container ${NAME}`]);
  expect([pidsMax() ?? 'max', await answers('store'), machine.engine.container(NAME).status?.ports.length]).toEqual(['max', false, 1]);
  await same();
});

it('gives a port that one service loses to another one', async () => {
  expect(await machine.up(stack({ ports: '' }).replace('peer: {', `peer: { ports: ["${PORT}:7"],`))).toMatchObject({ ok: true });
  expect(machine.engine.container(NAME).status?.ports).toEqual([]);
  expect(machine.engine.container('demo-peer-1').status?.ports).toMatchObject([{ published: PORT }]);
  await same();
  expect(await machine.up(stack({}))).toMatchObject({ ok: true });
  await echoes(line, 'back again');
});

it('names the field that forces a new container', async () => {
  const planned = await machine.engine.planStack('demo', machine.request(stack({ service: 'environment: { A: b }\n    labels: { colour: green }' })));
  expect(planned.plan.steps.map(({ id, why }) => `${id}: ${why}`)).toContain(`create-container ${NAME}: environment.A added`);
  expect(planned.plan.notes).toContain('service web: recreate, stop-first: it has no health check');
});

it('ends right where an engine is killed at each step of it', async () => {
  const [from, to] = [stack({}), stack({ service: `${LIMITED}\n    labels: { colour: black }`, networks: 'front: { aliases: [shop] }, back: {}', ports: `"${PORT}:7", "${PORT + 1}:7"` })];
  for (let atEvent = 1, killed = true, text = to; killed; atEvent++) {
    const request = machine.request(text);
    await machine.close();
    const cut = await interrupted(machine, request, { atEvent });
    killed = cut.killed;
    expect(runningContainers(machine.paths).get(NAME)?.pid).toBe(pid);
    await machine.open();
    expect(await machine.up(text)).toMatchObject({ ok: true });
    expect((await machine.up(text)).done).toEqual([]);
    await same();
    expect(machine.engine.container(NAME).spec.networks).toHaveProperty('demo_front');
    expect(machine.engine.container(NAME).status?.joined).toEqual([]);
    text = text === to ? from : to;
  }
  expect(machine.reports).toEqual([]);
}, 120_000);
