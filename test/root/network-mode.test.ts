import { readlinkSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually, gather, Machine } from './harness.ts';

let machine: Machine;
beforeEach(async () => {
  machine = new Machine();
  await machine.open();
  await machine.loadHello();
});
afterEach(async () => { await machine.dispose(); });

const status = (name: string): { pid: number; id: string; address: string } => {
  const found = machine.engine.containers.get(name)?.status;
  return { pid: found?.pid ?? 0, id: found?.id ?? '', address: Object.values(found?.addresses ?? {})[0] ?? '' };
};
const netns = (name: string): string => readlinkSync(`/proc/${status(name).pid}/ns/net`);

const SHARED = `services:
  vpn: { image: bayplan/hello, command: sleep 1000, stop_signal: SIGKILL, hostname: gate }
  app: { image: bayplan/hello, network_mode: "service:vpn", command: sh -c 'echo inside > /tmp/index.html; httpd -f -p 80 -h /tmp', stop_signal: SIGKILL }
  peer: { image: bayplan/hello, command: sleep 1000, stop_signal: SIGKILL }
`;

test('service:x lives in the network of x, with its names, and survives the restart of x and of the engine', async () => {
  expect(await machine.up(SHARED)).toMatchObject({ ok: true });
  const home = netns('demo-vpn-1');
  expect(netns('demo-app-1')).toBe(home);
  expect((await machine.exec('demo-app-1', 'hostname')).output.trim()).toBe('gate');
  expect((await machine.exec('demo-app-1', 'cat', '/etc/hosts')).output).toContain(`${status('demo-vpn-1').address}\tgate`);
  const fetched = async (): Promise<string> => (await machine.exec('demo-peer-1', 'timeout', '2', 'wget', '-qO-', 'http://vpn/')).output.trim();
  expect(await eventually(async () => { const text = await fetched(); expect(text).toBe('inside'); return text; })).toBe('inside');

  await machine.engine.stopContainer('demo-vpn-1', null, 0);
  expect(await fetched()).toBe('inside');
  expect((await machine.exec('demo-app-1', 'nslookup', 'peer')).output).toContain(status('demo-peer-1').address);
  await machine.close();
  await machine.open();
  expect(await fetched()).toBe('inside');
  await machine.engine.startContainer('demo-vpn-1');
  expect(netns('demo-vpn-1')).toBe(home);
  expect(netns('demo-app-1')).toBe(home);
  expect(await fetched()).toBe('inside');
  expect((await machine.up(SHARED)).done).toEqual([]);
});

test('who shares a network namespace resolves names whoever of them restarts or goes', async () => {
  expect(await machine.up(SHARED)).toMatchObject({ ok: true });
  const peer = status('demo-peer-1').address;
  // Each question comes from a port of its own, and any of the responders there may get it; none of them may cost a client its time-out.
  const resolves = async (name: string, wanted = peer): Promise<void> => {
    const { output } = await machine.exec(name, 'sh', '-c', 'for i in 1 2 3 4 5 6 7 8 9 10; do timeout 2 nslookup -type=a peer | tail -n +3; done');
    expect(output.split('\n').filter((line) => line === `Address: ${wanted}`)).toHaveLength(10);
  };
  await resolves('demo-app-1');
  await machine.engine.stopContainer('demo-vpn-1', null, 0);
  await resolves('demo-app-1');
  await machine.engine.startContainer('demo-vpn-1');
  await resolves('demo-app-1');
  await machine.engine.stopContainer('demo-app-1', null, 0);
  await resolves('demo-vpn-1');
  await machine.engine.startContainer('demo-app-1');
  await resolves('demo-vpn-1');
  await resolves('demo-app-1');
  // An end that nobody asked for.
  process.kill(status('demo-vpn-1').pid, 'SIGKILL');
  await eventually(() => { expect(machine.engine.containers.get('demo-vpn-1')?.status?.phase).not.toBe('running'); });
  await resolves('demo-app-1');
  await machine.engine.removeContainer('demo-vpn-1', {});
  await resolves('demo-app-1');
  // The peer moves, and the survivor is told.
  await machine.engine.removeContainer('demo-peer-1', {});
  expect(await machine.up(SHARED)).toMatchObject({ ok: true });
  await resolves('demo-app-1', status('demo-peer-1').address);
  await resolves('demo-vpn-1', status('demo-peer-1').address);
});

test("container:x of another stack lives in the network of x, and each survives the other's restart and that of the engine", async () => {
  expect(await machine.up(SHARED)).toMatchObject({ ok: true });
  const guest = `services:
  guest: { image: bayplan/hello, network_mode: "container:demo-vpn-1", command: sh -c 'echo guest > /tmp/index.html; httpd -f -p 81 -h /tmp', stop_signal: SIGKILL }
`;
  expect(await machine.up(guest, { name: 'other' })).toMatchObject({ ok: true });
  const home = netns('demo-vpn-1');
  const served = (): Promise<void> => eventually(async () => { expect((await machine.exec('demo-peer-1', 'timeout', '2', 'wget', '-qO-', 'http://vpn:81/')).output.trim()).toBe('guest'); });
  await served();
  for (const [stopped, stays] of [['demo-vpn-1', 'other-guest-1'], ['other-guest-1', 'demo-vpn-1']] as const) {
    await machine.engine.stopContainer(stopped, null, 0);
    expect(netns(stays)).toBe(home);
    expect((await machine.exec(stays, 'nslookup', 'peer')).output).toContain(status('demo-peer-1').address);
    await machine.close();
    await machine.open();
    await machine.engine.startContainer(stopped);
    expect([netns('demo-vpn-1'), netns('other-guest-1')]).toEqual([home, home]);
    await served();
  }
  expect((await machine.up(guest, { name: 'other' })).done).toEqual([]);
  expect(await machine.down({ name: 'other' })).toMatchObject({ ok: true }); // who lives in a network keeps it from being removed
});

test('x made anew takes those who share its network along, under the same fixed address', async () => {
  const stack = (value: string): string => `services:
  vpn: { image: bayplan/hello, command: sleep 1000, stop_signal: SIGKILL, environment: { A: "${value}" }, networks: { net: { ipv4_address: 10.217.3.9 } } }
  app: { image: bayplan/hello, network_mode: "service:vpn", depends_on: { vpn: { condition: service_started } }, command: sleep 1000, stop_signal: SIGKILL }
networks: { net: { ipam: { config: [{ subnet: 10.217.3.0/24 }] } } }
`;
  expect(await machine.up(stack('1'))).toMatchObject({ ok: true });
  const before = { app: status('demo-app-1').id, home: netns('demo-vpn-1') };
  const again = await machine.up(stack('2'));
  expect(again).toMatchObject({ ok: true, message: '' });
  expect(again.done).toEqual(['stop-container demo-app-1', 'stop-container demo-vpn-1', 'remove-container demo-vpn-1', 'create-container demo-vpn-1', 'start-container demo-vpn-1', 'start-container demo-app-1']);
  expect(status('demo-vpn-1').address).toBe('10.217.3.9');
  expect(status('demo-app-1').id).toBe(before.app);
  expect(netns('demo-app-1')).toBe(netns('demo-vpn-1'));
});

test('host, none and another stack\'s container', async () => {
  expect(await machine.up(SHARED)).toMatchObject({ ok: true });
  expect(await machine.up(`services:
  host: { image: bayplan/hello, network_mode: host, command: sleep 1000, stop_signal: SIGKILL }
  none: { image: bayplan/hello, network_mode: none, command: sleep 1000, stop_signal: SIGKILL }
  guest: { image: bayplan/hello, network_mode: "container:demo-vpn-1", command: sleep 1000, stop_signal: SIGKILL }
`, { name: 'other' })).toMatchObject({ ok: true });
  expect(netns('other-host-1')).toBe(readlinkSync('/proc/self/ns/net'));
  expect((await machine.exec('other-none-1', 'ls', '/sys/class/net')).output.trim()).toBe('lo');
  expect(netns('other-guest-1')).toBe(netns('demo-vpn-1'));
  expect(await machine.down({ name: 'other' })).toMatchObject({ ok: true }); // who lives in a network keeps it from being removed
  for (const [key, what] of [['network_mode', 'network it is to share (network_mode)'], ['pid', 'pid namespace it is to share']] as const) {
    await expect(machine.up(`services:\n  lost: { image: bayplan/hello, ${key}: "container:nobody", command: sleep 1000 }\n`, { name: 'lost' })).rejects.toThrow(`service "lost": there is no container nobody, whose ${what}: bring that up first`);
  }
  expect(machine.engine.containers.get('lost-lost-1')).toBeNull();
});

test('who lives on where its owner was removed is refused without that one, has it made anew with it, and does not keep the network from going', async () => {
  expect(await machine.up(SHARED)).toMatchObject({ ok: true });
  await machine.engine.removeContainer('demo-vpn-1', {});
  const { services, ...rest } = machine.request(SHARED).desired;
  const { vpn: _vpn, ...alone } = services;
  const request = { ...machine.request(SHARED), desired: { ...rest, services: alone } };
  const app = status('demo-app-1');
  expect(await machine.engine.planStack('demo', request)).toMatchObject({ plan: { steps: [] } }); // it runs on, and is not to change
  const changed = { ...request, desired: { ...request.desired, services: Object.fromEntries(Object.entries(alone).map(([name, service]) => [name, name === 'app' ? { ...service, template: { ...service.template, environment: { A: '1' } } } : service])) } };
  const outcome = await gather((onEvent) => machine.engine.applyStack('demo', changed, { wait: false }, onEvent, new AbortController().signal));
  expect(outcome).toMatchObject({ ok: false, message: expect.stringContaining('container demo-vpn-1, whose network it shares, is not there; bring it up first') });
  expect(status('demo-app-1')).toEqual(app);
  expect(await machine.up(SHARED)).toMatchObject({ ok: true });
  expect(netns('demo-app-1')).toBe(netns('demo-vpn-1'));
  await machine.engine.removeContainer('demo-vpn-1', {});
  expect(await machine.down()).toMatchObject({ ok: true, message: '' });
  expect(machine.engine.networks.list().has('demo_default')).toBe(false);
});

test('a container that was removed has no name any more, and its address is nobody else\'s while another lives on in its network, over an engine\'s end too', async () => {
  expect(await machine.up(SHARED)).toMatchObject({ ok: true });
  expect(await machine.up('services:\n  guest: { image: bayplan/hello, network_mode: "container:demo-vpn-1", command: sleep 1000, stop_signal: SIGKILL }\n', { name: 'other' })).toMatchObject({ ok: true });
  const former = status('demo-vpn-1').address;
  expect(await machine.up(SHARED.replace('gate', 'other'))).toMatchObject({ ok: true });
  const addresses = async (): Promise<readonly string[]> => (await machine.exec('demo-peer-1', 'nslookup', '-type=a', 'vpn')).output.split('\n').slice(2).flatMap((line) => /^Address: (.*)$/.exec(line)?.[1] ?? []);
  expect(status('demo-vpn-1').address).not.toBe(former);
  expect(await addresses()).toEqual([status('demo-vpn-1').address]);
  await machine.close();
  await machine.open();
  expect(await addresses()).toEqual([status('demo-vpn-1').address]);
  expect(() => machine.engine.networks.allocate('demo_default', 'f'.repeat(64), { ipv4: former, ipv6: null })).toThrow(`${former} belongs to ${status('other-guest-1').id}`);
  await machine.engine.removeContainer('other-guest-1', {});
  expect(machine.engine.networks.allocate('demo_default', 'f'.repeat(64), { ipv4: former, ipv6: null }).ipv4).toBe(former);
  await machine.engine.networks.release('demo_default', 'f'.repeat(64));
});

test('a stack goes down, its network too, where another lives on in the network of a container of its', async () => {
  expect(await machine.up(SHARED)).toMatchObject({ ok: true });
  expect(await machine.up('services:\n  guest: { image: bayplan/hello, network_mode: "container:demo-vpn-1", command: sleep 1000, stop_signal: SIGKILL }\n', { name: 'other' })).toMatchObject({ ok: true });
  expect(await machine.down()).toMatchObject({ ok: true, message: '' });
  expect(machine.engine.networks.list().has('demo_default')).toBe(false);
  expect(machine.engine.container('other-guest-1').status?.phase).toBe('running');
  expect(await machine.up(SHARED)).toMatchObject({ ok: true });
  expect(await machine.down({ name: 'other' })).toMatchObject({ ok: true });
});
