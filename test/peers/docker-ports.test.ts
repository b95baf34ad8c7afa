import { execFileSync } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { dockerMissing } from './docker-client.ts';
import { DockerMachine } from './docker-machine.ts';
import { describeWherePresent, rootMissing } from '../where-present.ts';

describeWherePresent([dockerMissing, rootMissing], 'docker run -p', () => {
  const host = new DockerMachine();
  const { docker } = host;
  let taken: Server;
  const run = async (...args: readonly string[]): Promise<string> => {
    const ended = await docker(['run', '-d', ...args, 'bayplan/hello', 'httpd', '-f', '-p', '80', '-h', '/']);
    expect(ended).toMatchObject({ status: 0, err: '' });
    return ended.out.trim();
  };
  const port = async (id: string, ...of: readonly string[]): Promise<string> => (await docker(['port', id, ...of])).out;

  beforeAll(async () => {
    await host.open();
    taken = createServer().listen(18610, '0.0.0.0');
  });
  afterAll(async () => {
    taken.close();
    await host.dispose();
  });

  it('takes the first free port of a range, and says when none is', async () => {
    const [first, second] = [await run('-p', '18610-18612:80'), await run('-p', '18610-18612:80')];
    expect(await port(first)).toBe('80/tcp -> 0.0.0.0:18611\n');
    expect(await port(second, '80')).toBe('0.0.0.0:18612\n');
    expect((await fetch('http://127.0.0.1:18611/bin/')).status).toBe(404);
    expect(await docker(['run', '-d', '-p', '18610-18612:80', 'bayplan/hello', 'sleep', '9'])).toMatchObject({ status: 125, err: expect.stringContaining('no free tcp port is left between 18610 and 18612') });
    expect((await docker(['inspect', '-f', '{{json .HostConfig.PortBindings}}', first])).out).toBe('{"80/tcp":[{"HostIp":"","HostPort":"18610-18612"}]}\n');
  });

  it('has its rules back where somebody removes or flushes them, though no stack is there', async () => {
    await run('-p', '18613:80');
    const { table } = host.machine.paths;
    const lines = (): number => execFileSync('nft', ['list', 'table', 'inet', table], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n').length;
    const before = lines();
    for (const how of ['delete', 'flush']) {
      execFileSync('nft', [how, 'table', 'inet', table]);
      await expect.poll(() => { try { return lines(); } catch { return 0; } }, { timeout: 5000 }).toBe(before);
      expect((await fetch('http://127.0.0.1:18613/bin/')).status).toBe(404);
    }
  });

  it('picks a free port where none is named, and keeps it for port and ps to show', async () => {
    for (const [args, target] of [[['-p', '80'], '80/tcp'], [['-P', '--expose', '81/udp'], '81/udp']] as const) {
      const id = await run(...args);
      const [, picked = ''] = new RegExp(`^${target} -> 0\\.0\\.0\\.0:(\\d+)\n$`).exec(await port(id)) ?? [];
      expect(Number(picked)).toBeGreaterThan(1024);
      expect((await docker(['ps', '--no-trunc', '--filter', `id=${id}`, '--format', '{{.Ports}}'])).out).toBe(`0.0.0.0:${picked}->${target}\n`);
      if (target === '80/tcp') expect((await fetch(`http://127.0.0.1:${picked}/bin/`)).status).toBe(404);
    }
    expect(await docker(['port', (await run()), '80'])).toMatchObject({ status: 1, err: expect.stringContaining("No public port '80' published for") });
  });

  it('tells of what is exposed alone too, in inspect and ps, while a bridge leads to it', async () => {
    const shown = async (id: string): Promise<string> => `${(await docker(['inspect', '-f', '{{json .NetworkSettings.Ports}}', id])).out.trim()} ${(await docker(['ps', '-a', '--no-trunc', '--filter', `id=${id}`, '--format', '{{.Ports}}'])).out.trim()}`;
    const both = await run('--expose', '90/udp', '-p', '18614:80');
    expect(await shown(both)).toBe('{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"18614"}],"90/udp":null} 90/udp, 0.0.0.0:18614->80/tcp');
    expect(await shown(await run('--expose', '99'))).toBe('{"99/tcp":null} 99/tcp');
    for (const mode of ['host', 'none']) expect(await shown((await docker(['run', '-d', '--network', mode, '--expose', '99', 'bayplan/hello', 'sleep', '1000'])).out.trim())).toBe('{} ');
    await docker(['stop', '-t', '0', both]);
    expect(await shown(both)).toBe('{} ');
  });

  it('of a stack file, without replicas', async () => {
    const stack = 'services:\n  web: { image: bayplan/hello, command: sleep 1000, stop_signal: SIGKILL, ports: ["18610-18615:80", "81"] }\n';
    await docker(['rm', '-f', ...(await docker(['ps', '-q'])).out.trim().split('\n')]);
    expect(await host.machine.up(stack)).toMatchObject({ ok: true });
    expect(await port('demo-web-1')).toMatch(/^80\/tcp -> 0\.0\.0\.0:18611\n81\/tcp -> 0\.0\.0\.0:\d+\n$/);
    expect((await host.machine.up(stack)).done).toEqual([]);
  });
});
