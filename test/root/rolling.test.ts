import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { inboundConnections } from '../../src/runtime/container/inbound-connections.ts';
import { printPlan } from '../../src/plan/print.ts';
import { eventually, gather, Machine } from './harness.ts';
import { interrupted } from './interrupted.ts';
import { gracefulServer, underLoad, type Web, webStack } from './load.ts';

// A service whose containers are replaced while somebody asks it for something all the time.
const PORT = 18_441;
const URL = `http://127.0.0.1:${PORT}/`;
let machine: Machine;
let server: string;
beforeAll(async () => {
  machine = new Machine();
  await machine.open();
  await machine.loadHello();
  server = gracefulServer(machine.folder);
});
afterEach(() => machine.down({ stopTimeoutSeconds: 0 }));
afterAll(() => machine.dispose());

const stack = (web: Web): string => webStack(PORT, server, web);
const answer = async (): Promise<string> => (await fetch(URL, { headers: { connection: 'close' } })).text();
const names = (): string[] => [...machine.engine.containers.list().keys()].sort();
/** Connections that containers have with whom asks them. */
const inboundTo = (containers: readonly string[]): number => containers.reduce((sum, name) => sum + inboundConnections(machine.engine.container(name).status?.pid ?? 0), 0);
const planned = async (text: string): Promise<string> => printPlan((await machine.engine.planStack('demo', machine.request(text))).plan);

describe.each(['close', 'keep-alive'] as const)('with connections that are told to %s', (connection) => {
  it.each([1, 2])('%i container(s) are replaced and no request fails', async (replicas) => {
    const web: Web = { replicas, ...(connection === 'keep-alive' ? { grace: '1s' } : {}) };
    expect(await machine.up(stack(web), { wait: true })).toMatchObject({ ok: true });
    const load = await underLoad(URL, connection, async () => {
      for (const text of ['two', 'three']) {
        expect(await machine.up(stack({ ...web, text }))).toMatchObject({ ok: true });
        for (let asked = 0; asked < 2 * replicas; asked++) expect(await answer()).toBe(text);
      }
    });
    expect(load, load.text).toMatchObject({ failed: 0 });
    expect(load.requests).toBeGreaterThan(100);
    expect(names()).toEqual(Array.from({ length: replicas }, (_, at) => `demo-web-${at + 1}`));
    expect((await machine.up(stack({ ...web, text: 'three' }))).done).toEqual([]);
  });
});

it('a new image that ends again and again takes no container away', async () => {
  expect(await machine.up(stack({}), { wait: true })).toMatchObject({ ok: true });
  const before = names().map((name) => machine.engine.container(name).status?.pid);
  const broken = stack({ command: '["false"]' }).replace('ports:', 'restart: always\n    ports:');
  const load = await underLoad(URL, 'close', async () => {
    for (let tried = 0; tried < 2; tried++) {
      const outcome = await machine.up(broken);
      expect(outcome).toMatchObject({ ok: false });
      expect(outcome.message).toMatch(/^the update of service web goes no further: 1 of 2 new containers failed \(demo-web-1\.g\d: it keeps ending and being restarted; see its logs\)$/);
    }
  });
  expect(load, load.text).toMatchObject({ failed: 0 });
  expect(['demo-web-1', 'demo-web-2'].map((name) => machine.engine.container(name).status?.pid)).toEqual(before);
  expect(await answer()).toBe('one');
  // The one that failed is stopped and kept; the next update takes it away.
  expect(names()).toHaveLength(3);
  expect(machine.engine.container(names().find((name) => name.includes('.g')) ?? '').status).toMatchObject({ phase: 'exited', held: true, restartAt: 0 });
  expect(await machine.up(stack({ text: 'good' }))).toMatchObject({ ok: true });
  expect(names()).toEqual(['demo-web-1', 'demo-web-2']);
  expect(await answer()).toBe('good');
});

it('a new image that never gets healthy ends the update, also where it ends with 0 when it is stopped, or by itself', async () => {
  expect(await machine.up(stack({}), { wait: true })).toMatchObject({ ok: true });
  const outcome = await machine.up(stack({ text: 'two' }).replace('127.0.0.1/', '127.0.0.1:81/'));
  expect(outcome.message).toMatch(/^the update of service web goes no further: 1 of 2 new containers failed \(demo-web-1\.g2: it was unhealthy; see its logs\)$/);
  expect(machine.engine.container('demo-web-1.g2').status).toMatchObject({ phase: 'exited', exitCode: 0 });
  expect((await machine.up(stack({ command: '["true"]' }))).message).toMatch(/1 of 2 new containers failed \(demo-web-1\.g3: it has ended with code 0; see its logs\)$/);
  expect(names()).toEqual(['demo-web-1', 'demo-web-1.g3', 'demo-web-2']);
  expect(await answer()).toBe('one');
});

it('one that has been ready and ends keeps the update from taking the next', async () => {
  expect(await machine.up(stack({}), { wait: true })).toMatchObject({ ok: true });
  const { pid } = machine.engine.container('demo-web-2').status ?? {};
  const brief = stack({ command: '["sh", "-c", "sleep 0.5; echo > /started; sleep 0.3; exit 4"]' }).replace(/test: .*?\]/, 'test: [CMD, ls, /started], start_period: 5s');
  expect((await machine.up(brief)).message).toMatch(/^the update of service web goes no further: 1 of 2 new containers failed \(demo-web-1: it has ended with code 4; see its logs\)$/);
  expect(machine.engine.container('demo-web-2').status).toMatchObject({ phase: 'running', pid });
  expect(names()).toEqual(['demo-web-1', 'demo-web-2']);
});

it('stop-first, a broken one leaves the others alone, however often it is tried', async () => {
  const data = ', "data:/data"';
  const with_ = (web: Web): string => `${stack({ more: data, ...web })}volumes: { data: {} }\n`;
  expect(await machine.up(with_({}), { wait: true })).toMatchObject({ ok: true });
  expect(await planned(with_({ text: 'two' }))).toContain('note: service web: rolling, stop-first: volume demo_data at /data is writable\n');
  const { pid } = machine.engine.container('demo-web-2').status ?? {};
  for (let tried = 0; tried < 2; tried++) {
    expect(await machine.up(with_({ command: '["false"]' }))).toMatchObject({ ok: false });
    expect(machine.engine.container('demo-web-2').status).toMatchObject({ phase: 'running', pid });
    expect(await answer()).toBe('one');
  }
  expect(await machine.up(with_({ text: 'two' }))).toMatchObject({ ok: true });
  await eventually(async () => expect(await answer()).toBe('two'));
  await machine.down({ volumes: true, stopTimeoutSeconds: 0 });
});

it('goes on where an engine was killed in the middle of it, and nobody outside notices', async () => {
  expect(await machine.up(stack({}), { wait: true })).toMatchObject({ ok: true });
  const load = await underLoad(URL, 'close', async () => {
    for (const [index, atEvent] of [5, 9, 12, 16, 20].entries()) { // made, ready, withdrawn, stopped, renamed
      const next = stack({ text: `text ${index}` });
      const request = machine.request(next);
      await machine.close();
      expect(await interrupted(machine, request, { atEvent })).toMatchObject({ killed: true });
      await machine.open();
      const outcome = await machine.up(next);
      expect(outcome, outcome.message).toMatchObject({ ok: true });
      expect(names()).toEqual(['demo-web-1', 'demo-web-2']);
      for (let asked = 0; asked < 4; asked++) expect(await answer()).toBe(`text ${index}`);
    }
  });
  expect(load, load.text).toMatchObject({ failed: 0 });
}, 180_000); // ten engines are started while wrk asks

it('goes back where the file says so, also where the engine was killed that was asked', async () => {
  const going = (web: Web): string => stack({ update: 'failure_action: rollback', ...web });
  expect(await machine.up(going({}), { wait: true })).toMatchObject({ ok: true });
  const request = machine.request(going({ text: 'two', command: '["false"]' }));
  await machine.close();
  expect(await interrupted(machine, request, { atEvent: 5 })).toMatchObject({ killed: true });
  await machine.open();
  await eventually(async () => expect((await machine.engine.stackHistory('demo')).map(({ title }) => title.replace(/:.*/, ''))).toEqual(['rollback to 1', 'up', 'up']));
  await eventually(() => expect(machine.engine.busy('demo')).toBe(false));
  expect(await answer()).toBe('one');
  expect((await machine.up(going({}))).done.filter((step) => !step.startsWith('remove-container'))).toEqual([]);
  expect(names()).toEqual(['demo-web-1', 'demo-web-2']);
});

it('engines come and go, and rules are put right, and no request fails: what is right is not touched', async () => {
  const { table } = machine.paths;
  const listed = (): string => execFileSync('nft', ['-a', 'list', 'table', 'inet', table], { encoding: 'utf8' }); // with handles: whatever is made anew has another
  expect(await machine.up(stack({}), { wait: true })).toMatchObject({ ok: true });
  const before = listed();
  const load = await underLoad(URL, 'close', async () => {
    for (let time = 0; time < 8; time++) {
      await machine.close();
      if (time % 4 === 3) execFileSync('nft', [`add rule inet ${table} forward counter; add element inet ${table} routed { "none" }; add chain inet ${table} mine; add rule inet ${table} mine drop`]);
      await machine.open();
      expect(listed().replaceAll(/ # handle \d+/g, '')).toBe(before.replaceAll(/ # handle \d+/g, ''));
      if (time < 3) expect(listed()).toBe(before);
    }
    for (const replicas of [1, 3, 2]) expect(await machine.up(stack({ replicas }), { wait: true })).toMatchObject({ ok: true });
  });
  expect(load, load.text).toMatchObject({ failed: 0 });
  const handle = (text: string): string | undefined => /chain output .*/.exec(text)?.[0];
  expect(handle(listed())).toBe(handle(before));
}, 180_000); // engines are opened while wrk asks

it('an old one that was drained serves on where the pass is stopped before it', async () => {
  expect(await machine.up(stack({}), { wait: true })).toMatchObject({ ok: true });
  const { pid } = machine.engine.container('demo-web-1').status ?? {};
  const stop = new AbortController();
  const outcome = await gather((onEvent) => machine.engine.applyStack('demo', machine.request(stack({ text: 'two' })), { wait: false }, (event) => {
    onEvent(event);
    if (event.type === 'step' && event.id === 'drain-container demo-web-1' && event.state === 'done') stop.abort();
  }, stop.signal));
  expect(outcome).toMatchObject({ ok: false });
  expect(outcome.done).toContain('drain-container demo-web-1');
  expect(machine.engine.container('demo-web-1').status).toMatchObject({ phase: 'running', pid });
  const address = machine.engine.container('demo-web-1').status?.addresses['demo_default'] ?? 'none';
  await eventually(async () => expect((await machine.exec('demo-web-1', 'nslookup', '-type=a', 'web', '127.0.0.11')).output).toContain(address));
  const looks = (): number => machine.engine.container('demo-web-1').status?.healthLog?.at(-1)?.end ?? 0;
  const before = looks();
  await eventually(() => expect(looks()).toBeGreaterThan(before));
});

it('fewer replicas fail no request that was begun: those that leave serve it to the end, and get no new one', async () => {
  const slow = (replicas: number): string => `
configs: { slow: { content: "#!/bin/sh\\nsleep 3; printf '\\\\r\\\\nslow'\\n" } }
services:
  web:
    image: bayplan/hello
    command: [httpd, -f, -p, "80", -h, /w]
    stop_signal: SIGKILL
    deploy: { replicas: ${replicas} }
    ports: ["127.0.0.1:${PORT}:80"]
    configs: [{ source: slow, target: /w/cgi-bin/slow, mode: 0o755 }]
    healthcheck: { test: wget -q -O /dev/null http://127.0.0.1/cgi-bin/slow, interval: 100ms, timeout: 20s }
`;
  expect(await machine.up(slow(4), { wait: true })).toMatchObject({ ok: true, message: '' });
  const requests = Array.from({ length: 12 }, async () => (await fetch(`${URL}cgi-bin/slow`, { headers: { connection: 'close' } })).text());
  const answers = Promise.all(requests);
  await eventually(() => expect(inboundTo(names())).toBe(12));
  expect((await machine.up(slow(1))).done).toEqual(expect.arrayContaining(['drain-container demo-web-2', 'drain-container demo-web-4', 'remove-container demo-web-4']));
  expect(names()).toEqual(['demo-web-1']);
  expect(await answers).toEqual(Array.from({ length: 12 }, () => 'slow'));
});

it('the plan says how and why, and every step of it', async () => {
  expect(await machine.up(stack({ replicas: 1 }), { wait: true })).toMatchObject({ ok: true });
  const lines = (await planned(stack({ replicas: 1, text: 'two' }))).split('\n').filter((line) => !line.includes('DOCKER') && line !== '');
  const why = '(rolling: command: ["/server","80","one"] → ["/server","80","two"])';
  expect(lines).toEqual([
    ...['create-container demo-web-1.g2', 'start-container demo-web-1.g2', 'wait-container demo-web-1.g2 ready', 'publish-ports demo-web-1.g2', 'withdraw-ports demo-web-1', 'drain-container demo-web-1',
      'stop-container demo-web-1', 'remove-container demo-web-1', 'rename-container demo-web-1.g2'].map((step) => `${step}  ${why}`),
    'note: service web: rolling, start-first: it has a health check, and nothing that two cannot have at once',
  ]);
});

it('monitor watches a new one under load, and continue goes on without it', async () => {
  const dies = '["sh", "-c", "/server 80 two & sleep 1; kill $$!; exit 3"]';
  expect(await machine.up(stack({}), { wait: true })).toMatchObject({ ok: true });
  const { message } = await machine.up(stack({ command: dies, update: 'monitor: 3s, failure_action: continue' }));
  expect(message).toMatch(/^the update of service web has ended: 2 of 2 new containers failed \(demo-web-1\.g2: it has ended with code 3; demo-web-2\.g2: it has ended with code 3; see their logs\)$/);
  expect(await answer()).toBe('one');
}, 60_000);

it('parallelism and delay count', async () => {
  expect(await machine.up(stack({ replicas: 3 }), { wait: true })).toMatchObject({ ok: true });
  const { done } = await machine.up(stack({ replicas: 3, text: 'two', update: 'parallelism: 2, delay: 300ms' }));
  const at = (id: string): number => done.indexOf(id);
  expect(at('create-container demo-web-2.g2')).toBeLessThan(at('rename-container demo-web-1.g2'));
  expect(at('create-container demo-web-3.g2')).toBeGreaterThan(at('wait-time web 2'));
  expect(at('wait-time web 2')).toBeGreaterThan(Math.max(at('rename-container demo-web-1.g2'), at('rename-container demo-web-2.g2')));
});
