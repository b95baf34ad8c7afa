import { afterAll, beforeAll, expect, it } from 'vitest';
import { dockerMissing } from './docker-client.ts';
import { DockerMachine } from './docker-machine.ts';
import { describeWherePresent, rootMissing } from '../where-present.ts';

describeWherePresent([dockerMissing, rootMissing], 'docker network connect', () => {
  const host = new DockerMachine();
  const { docker } = host;
  const out = async (...args: readonly string[]): Promise<string> => {
    const ended = await docker(args);
    expect(ended).toMatchObject({ status: 0, err: '' });
    return ended.out.trim();
  };

  beforeAll(async () => { await host.open(); });
  afterAll(async () => { await host.dispose(); });

  it('shows in inspect of both, in events, and is undone', async () => {
    const since = String(Date.now() / 1000);
    await out('network', 'create', '--subnet', '10.218.9.0/24', 'side');
    const id = await out('run', '-d', '--name', 'one', 'bayplan/hello', 'sleep', '1000');
    await out('network', 'connect', '--ip', '10.218.9.9', '--alias', 'other', 'side', 'one');
    const network = await out('network', 'inspect', '-f', '{{.Id}}', 'side');
    expect(await out('inspect', '-f', '{{with .NetworkSettings.Networks.side}}{{.IPAddress}}/{{.IPPrefixLen}} {{.Gateway}} {{.MacAddress}} {{.Aliases}} {{.DNSNames}} {{.NetworkID}} {{.IPAMConfig.IPv4Address}}{{end}}', 'one'))
      .toBe(`10.218.9.9/24 10.218.9.1 ${await out('exec', 'one', 'cat', '/sys/class/net/eth1/address')} [other] [one other ${id.slice(0, 12)}] ${network} 10.218.9.9`);
    const endpoint = await out('inspect', '-f', '{{.NetworkSettings.Networks.side.EndpointID}}', 'one');
    expect(endpoint).toMatch(/^[0-9a-f]{64}$/);
    expect(await out('network', 'inspect', '-f', '{{range $id, $c := .Containers}}{{$id}} {{$c.Name}} {{$c.EndpointID}} {{$c.IPv4Address}}{{end}}', 'side')).toBe(`${id} one ${endpoint} 10.218.9.9/24`);
    await out('run', '--rm', '--network', 'side', 'bayplan/hello', 'nslookup', '-type=a', 'other');
    expect(await docker(['network', 'connect', 'side', 'one'])).toMatchObject({ status: 1, err: expect.stringContaining('endpoint with name one already exists in network side') });
    await out('network', 'disconnect', '-f', 'side', 'one');
    expect(await out('inspect', '-f', '{{len .NetworkSettings.Networks}}', 'one')).toBe('1');
    expect(await docker(['network', 'disconnect', 'side', 'one'])).toMatchObject({ status: 1, err: expect.stringContaining('is not connected to network side') });
    await out('stop', '-t', '0', 'one');
    await out('network', 'connect', 'side', 'one');
    await out('start', 'one');
    expect(await out('exec', 'one', 'ls', '/sys/class/net')).toBe('eth0\neth1\nlo');
    const events = await out('events', '--since', since, '--until', String(Date.now() / 1000), '--filter', 'type=network', '--format', '{{.Action}} {{.Actor.Attributes.name}} {{if .Actor.Attributes.container}}{{.Actor.Attributes.container}}{{end}}');
    expect(events.split('\n').map((line) => line.trim()).filter((line) => line === 'create side' || (line.includes(' side ') && line.endsWith(id)))).toEqual(['create side', `connect side ${id}`, `disconnect side ${id}`, `connect side ${id}`]);
    expect(await out('events', '--since', since, '--until', String(Date.now() / 1000), '--filter', 'network=side', '--filter', 'event=disconnect', '--format', '{{.Type}} {{.Actor.ID}}')).toContain(`network ${network}`);
  });

  it('refuses host, none and shared namespaces as Docker does', async () => {
    for (const mode of ['none', 'host', 'container:one']) {
      const name = `with-${mode.slice(0, 4)}`;
      await out('run', '-d', '--name', name, '--network', mode, 'bayplan/hello', 'sleep', '1000');
      expect(await docker(['network', 'connect', 'bridge', name])).toMatchObject({ status: 1, err: expect.stringMatching(/private \(none\) mode|sharing network namespace with another container or host/) });
    }
  });

  it('a container in the network of another one survives its restart, and the other one that of this', async () => {
    await out('run', '-d', '--name', 'home', 'bayplan/hello', 'sleep', '1000');
    await out('run', '-d', '--name', 'guest', '--network', 'container:home', 'bayplan/hello', 'sleep', '1000');
    const address = await out('inspect', '-f', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', 'home');
    for (const [restarted, stays] of [['home', 'guest'], ['guest', 'home']] as const) {
      await out('restart', '-t', '0', restarted);
      for (const name of [restarted, stays]) expect(await out('exec', name, 'ip', '-4', 'addr', 'show', 'eth0')).toContain(`inet ${address}/`);
    }
    await out('rm', '-f', 'guest');
    await out('rm', '-f', 'home');
  });

  it('keeps the predefined network from rm and prune', async () => {
    await out('rm', '-f', 'one', 'with-none', 'with-host', 'with-cont');
    expect(await out('network', 'prune', '-f')).toBe('Deleted Networks:\nside');
    expect((await docker(['system', 'prune', '-f'])).out).not.toContain('bridge');
    expect(await out('network', 'ls', '--format', '{{.Name}}', '--filter', 'type=builtin')).toBe('bridge\nhost\nnone');
    expect(await docker(['network', 'rm', 'bridge'])).toMatchObject({ status: 1, err: expect.stringContaining('bridge is a pre-defined network and cannot be removed') });
  });
});
