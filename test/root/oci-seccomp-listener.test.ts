import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { ociWorld, type Config } from './oci-world.ts';

const { folder, closers, bundle, run, create, start, state, oci } = ociWorld();
const path = join(folder, 'agent.sock');
const agent = new URL('seccomp-agent.py', import.meta.url).pathname;

const put = (config: Config): void => {
  config.linux.seccomp = { defaultAction: 'SCMP_ACT_ALLOW', listenerPath: path, listenerMetadata: 'for the agent', flags: ['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'],
    syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_NOTIFY' }] };
};

/** An agent that answers so many calls, and what it says of each message. */
async function listen(calls: number): Promise<() => Promise<unknown>> {
  rmSync(path, { force: true });
  const child = spawn('python3', [agent, path, String(calls)], { stdio: ['ignore', 'pipe', 'inherit'] });
  closers.push(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('listening');
  return async () => JSON.parse((await lines.next()).value as string) as unknown;
}

it('an agent answers calls of the container in its place', async () => {
  const heard = await listen(1);
  const name = bundle(['sh', '-c', 'mkdir /tmp/made; ls /proc/self/fd'], put);
  const { status, stdout, stderr } = run(name);
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '0\n1\n2\n3\n', stderr: "mkdir: can't create directory '/tmp/made': Invalid cross-device link\n" }); // 3 is the folder that ls reads
  const message = await heard() as { pid: number };
  expect(message).toEqual({ ociVersion: '1.2.0', fds: ['seccompFd'], pid: expect.any(Number) as number, metadata: 'for the agent', descriptors: 1,
    state: { ociVersion: '1.2.0', id: name, status: 'creating', pid: message.pid, bundle: join(folder, name) } });
  expect(await heard()).toMatchObject({ pid: expect.any(Number) as number });
});

it('an agent hears of each exec too, by its own number', async () => {
  const first = await listen(0);
  const name = bundle(['sleep', '100'], put);
  start(name);
  expect(await first()).toMatchObject({ pid: state(name).pid, state: { id: name, status: 'creating' } });
  const second = await listen(1);
  expect(oci('exec', name, 'mkdir', '/tmp/made')).toMatchObject({ status: 1, stderr: "mkdir: can't create directory '/tmp/made': Invalid cross-device link\n" });
  const message = await second() as { pid: number };
  expect(message).toMatchObject({ state: { id: name, status: 'running', pid: state(name).pid } });
  expect(message.pid).not.toBe(state(name).pid);
  expect(await second()).toMatchObject({ pid: message.pid });
});

it('an agent hears of a container when it is created', async () => {
  const heard = await listen(1);
  const name = bundle(['mkdir', '/tmp/made'], put);
  expect(create(name)).toEqual({ status: 0, stderr: '' });
  const { pid } = state(name);
  expect(await heard()).toMatchObject({ pid, state: { id: name, status: 'creating' } });
  expect(oci('start', name)).toMatchObject({ status: 0, stderr: '' });
  expect(await heard()).toMatchObject({ pid });
});

it('calls fail once the agent is gone', async () => {
  await listen(0);
  expect(run(bundle(['sh', '-c', 'sleep 1; mkdir /tmp/made'], put))).toMatchObject({ status: 1, stderr: "mkdir: can't create directory '/tmp/made': Function not implemented\n" });
});
