import { execFileSync } from 'node:child_process';
import { request, type Server } from 'node:http';
import { arch } from 'node:os';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createApi } from '../../src/api/api.ts';
import { serve } from '../../src/api/serve.ts';
import { describeWherePresent, rootMissing } from '../where-present.ts';
import { eventually, Machine } from './harness.ts';

interface Answer { readonly status: number; readonly body: unknown }

// What moby's own integration tests ask of the Docker Engine API: status codes, words by which programs know what is wrong, and what becomes of a container.
describeWherePresent([rootMissing], 'the Docker Engine API, asked as moby\'s tests ask it', () => {
  const machine = new Machine();
  let server: Server;

  const ask = async (method: string, path: string, body: unknown = null, headers: Readonly<Record<string, string>> = { 'Content-Type': 'application/json' }): Promise<Answer> => await new Promise((resolve, reject) => {
    const text = body === null ? '' : typeof body === 'string' ? body : JSON.stringify(body);
    const asked = request({ socketPath: machine.paths.socket, method, path, headers: { ...(text === '' ? {} : headers), 'Content-Length': Buffer.byteLength(text) } }, (response) => {
      let got = '';
      response.on('data', (data: Buffer) => { got += data.toString(); });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: response.headers['content-type'] === 'application/json' ? JSON.parse(got) : got }));
    });
    asked.on('error', reject).end(text);
  });
  const make = async (name: string, config: object = {}, host: object = {}): Promise<string> => {
    expect(await ask('POST', `/containers/create?name=${name}`, { Image: 'bayplan/hello', Cmd: ['sh', '-c', 'trap "exit 7" TERM; echo up; while :; do sleep 0.02; done'], ...config, HostConfig: host })).toMatchObject({ status: 201 });
    return machine.engine.container(name).status?.id ?? '';
  };
  const start = async (name: string): Promise<void> => {
    expect(await ask('POST', `/containers/${name}/start`)).toMatchObject({ status: 204 });
    await eventually(async () => expect(await machine.output(name)).toContain('up'));
  };
  const refused = (status: number, words: string): object => ({ status, body: { message: expect.stringContaining(words) } });

  beforeAll(async () => {
    await machine.open();
    await machine.loadHello();
    server = createApi(machine.engine, (line) => machine.reports.push(line));
    await serve(server, machine.paths.socket);
  });
  afterAll(async () => {
    for (const [name] of machine.engine.containers.list()) await machine.engine.removeContainer(name, { volumes: true });
    for (const [name, { stack }] of machine.engine.networks.list()) if (stack === '') await machine.engine.networks.remove(name);
    server.close();
    server.closeAllConnections();
    await machine.dispose();
  });

  it('keeps a container that is removed at its end over a restart, and removes it at its end', async () => {
    const id = await make('brief', {}, { AutoRemove: true });
    await start('brief');
    const { pid } = machine.engine.container(id).status ?? {};
    expect(await ask('POST', '/containers/brief/restart?t=0')).toMatchObject({ status: 204 });
    expect(machine.engine.container(id).status).toMatchObject({ phase: 'running', held: false });
    expect(machine.engine.container(id).status?.pid).not.toBe(pid);
    expect(await ask('POST', `/containers/${id}/update`, { RestartPolicy: { Name: 'always' } })).toMatchObject(refused(409, 'Restart policy cannot be updated because AutoRemove is enabled for the container'));
    expect(await ask('POST', '/containers/brief/stop?t=0')).toMatchObject({ status: 204 });
    await eventually(async () => expect(await ask('GET', `/containers/${id}/json`)).toMatchObject({ status: 404 }));
  });

  it('restarts no container that somebody has sent its stop signal to, and any other that ends', async () => {
    for (const [name, signal, phase] of [['meant', 'SIGUSR1', 'exited'], ['own', 'TERM', 'running']] as const) {
      await make(name, { StopSignal: 'SIGUSR1', Cmd: ['sh', '-c', 'trap "exit 7" TERM USR1; echo up; while :; do sleep 0.02; done'] }, { RestartPolicy: { Name: 'always' } });
      await start(name);
      const { startedAt = 0 } = machine.engine.container(name).status ?? {};
      expect(await ask('POST', `/containers/${name}/kill?signal=${signal}`)).toMatchObject({ status: 204 });
      await eventually(() => expect(machine.engine.container(name).status).toMatchObject({ phase, held: phase === 'exited', exitCode: expect.any(Number) }));
      if (phase === 'running') await eventually(() => expect(machine.engine.container(name).status?.startedAt).toBeGreaterThan(startedAt));
    }
    expect(machine.engine.container('meant').status).toMatchObject({ exitCode: 7, restarts: 0 });
  });

  it('knows an image by the digits of its ID alone', async () => {
    const id = machine.engine.images.find('bayplan/hello')?.id.slice('sha256:'.length) ?? '';
    expect(id).toHaveLength(64);
    await make('by-id', { Image: id });
    expect(await ask('POST', `/images/${id}/tag?repo=sha256&tag=x`)).toMatchObject(refused(400, 'refusing to create an ambiguous tag using digest algorithm as name'));
  });

  it('makes none for another machine than this', async () => {
    expect(await ask('POST', '/containers/create?platform=linux/amd64', { Image: 'bayplan/hello' })).toMatchObject(arch() === 'x64' ? { status: 201 } : { status: 404 });
    expect(await ask('POST', '/containers/create?platform=linux/s390x', { Image: 'bayplan/hello' })).toMatchObject(refused(404, 'image with reference bayplan/hello was found but does not provide the specified platform (linux/s390x)'));
    expect(await ask('POST', '/images/create?fromImage=bayplan/hello&tag=latest&platform=nonsense')).toMatchObject(refused(400, '"nonsense": unknown operating system or architecture'));
    expect(await ask('POST', '/images/create?fromSrc=-&platform=/')).toMatchObject(refused(400, 'is an invalid OS component of'));
    expect(await ask('POST', '/images/create?fromImage=bayplan/hello&tag=latest&platform=linux/s390x')).toMatchObject(refused(501, 'images for other machines'));
    expect(await ask('POST', '/containers/create', { Image: 'bayplan/hello:sha256:x' })).toMatchObject(refused(400, 'invalid reference format'));
  });

  it('shows what programs look for', async () => {
    const { body } = await ask('POST', '/networks/create', { Name: 'seen' });
    const network = (body as { readonly Id: string }).Id;
    const id = await make('shown', { Volumes: { '/t': {} } }, { Tmpfs: { '/t': '' }, NetworkMode: network.slice(0, 10), Annotations: { a: 'b' } });
    expect(await ask('GET', `/containers/${id}/json`)).toMatchObject({ body: { Mounts: [], HostConfig: { Tmpfs: { '/t': '' } }, NetworkSettings: { SandboxKey: '' } } });
    await start('shown');
    const shown = await ask('GET', `/containers/${id}/json`);
    const { NetworkSettings: { SandboxID, SandboxKey, Networks } } = shown.body as { readonly NetworkSettings: { readonly SandboxID: string; readonly SandboxKey: string; readonly Networks: object } };
    expect([SandboxID, Object.keys(Networks)]).toEqual([id, ['seen']]);
    expect(execFileSync('nsenter', [`--net=${SandboxKey}`, 'ip', '-br', 'link'], { encoding: 'utf8' })).toContain('eth0');
    const listed = await ask('GET', '/containers/json');
    expect(listed.body).toMatchObject(expect.arrayContaining([expect.objectContaining({ Id: id, HostConfig: { NetworkMode: 'seen', Annotations: { a: 'b' } } })]));
  });

  it('is on the networks that it names, and on the default one where it names none', async () => {
    for (const Name of ['one', 'two']) expect(await ask('POST', '/networks/create', { Name })).toMatchObject({ status: 201 });
    const { body } = await ask('POST', '/containers/create', { Image: 'bayplan/hello', NetworkingConfig: { EndpointsConfig: { one: { DriverOpts: { 'com.docker.network.endpoint.ifname': 'eth1' } }, two: {} } }, Cmd: ['sh', '-c', 'ip -o -4 addr; echo up; exec sleep 100'] });
    const id = (body as { readonly Id: string }).Id;
    expect(await ask('POST', `/containers/${id}/start`)).toMatchObject({ status: 204 });
    const { name, status } = machine.engine.container(id);
    expect(Object.keys(status?.addresses ?? {}).sort()).toEqual(['one', 'two']);
    await eventually(async () => expect(await machine.output(name)).toContain('up'));
    const links = [...(await machine.output(name)).matchAll(/(eth\d) +inet ([\d.]+)/g)].map(([, link, address]) => [link, address]);
    expect(links).toEqual(expect.arrayContaining([['eth1', status?.addresses['one']], ['eth0', status?.addresses['two']]]));
    await make('plain');
    expect(Object.keys(machine.engine.container('plain').spec.networks)).toEqual(['bridge']);
  });

  it('lets a network go whose containers do not run; they start again once there is one of that name, at addresses that it has', async () => {
    const create = (subnet: string, more: object = {}): Promise<Answer> => ask('POST', '/networks/create', { Name: 'moving', IPAM: { Config: [{ Subnet: subnet }] }, ...more });
    const addresses = (name: string): string => execFileSync('nsenter', ['-t', String(machine.engine.container(name).status?.pid), '-n', 'ip', '-o', 'addr', 'show', 'dev', 'eth0', 'scope', 'global'], { encoding: 'utf8' });
    expect(await create('10.91.11.0/24')).toMatchObject({ status: 201 });
    await make('mover', {}, { NetworkMode: 'moving' });
    expect(await ask('POST', '/containers/create?name=fixed', { Image: 'bayplan/hello', HostConfig: { NetworkMode: 'moving' }, NetworkingConfig: { EndpointsConfig: { moving: { IPAMConfig: { IPv4Address: '10.91.11.9' } } } } })).toMatchObject({ status: 201 });
    await start('mover');
    expect(await ask('DELETE', '/networks/moving')).toMatchObject(refused(403, 'network moving is in use by mover; stop that container first'));
    expect(await ask('POST', '/containers/mover/stop?t=0')).toMatchObject({ status: 204 });
    expect(await ask('DELETE', '/networks/moving')).toMatchObject({ status: 204 });
    expect(await ask('POST', '/containers/mover/start')).toMatchObject(refused(404, 'network moving is not there; create it first'));

    expect(await create('10.91.12.0/24', { EnableIPv6: true })).toMatchObject({ status: 201 });
    expect(await ask('POST', '/containers/mover/start')).toMatchObject({ status: 204 });
    const { addresses: shown, ipv6Addresses } = machine.engine.container('mover').status ?? {};
    expect(shown).toEqual({ moving: expect.stringMatching(/^10\.91\.12\./) });
    for (const address of [shown?.['moving'], ipv6Addresses?.['moving']]) expect(addresses('mover')).toContain(` ${address}/`);
    expect(await ask('POST', '/containers/fixed/start')).toMatchObject(refused(400, '"10.91.11.9" is not an address for a container in 10.91.12.0/24'));

    expect(await ask('POST', '/containers/mover/stop?t=0')).toMatchObject({ status: 204 });
    expect(await ask('DELETE', '/networks/moving')).toMatchObject({ status: 204 });
    expect(await create('10.91.11.0/24')).toMatchObject({ status: 201 });
    for (const name of ['fixed', 'mover']) expect(await ask('POST', `/containers/${name}/start`)).toMatchObject({ status: 204 });
    expect(addresses('mover')).not.toContain('inet6');
    await ask('DELETE', '/containers/fixed?force=1');
  });

  it('refuses a name that it has, a namespace of nobody, and one that is not to be shared', async () => {
    await make('same', {}, { IpcMode: 'private' });
    expect(await ask('POST', '/containers/same/rename?name=same')).toMatchObject(refused(400, 'Renaming a container with the same name as its current name'));
    expect(await ask('POST', '/containers/create', { Image: 'bayplan/hello', HostConfig: { PidMode: 'container:nobody' } })).toMatchObject(refused(400, 'No such container: nobody'));
    await start('same');
    await make('second', {}, { IpcMode: 'container:same' });
    expect(await ask('POST', '/containers/second/start')).toMatchObject(refused(409, 'non-shareable IPC'));
  });

  it('takes a limit of processes away by 0 and by -1', async () => {
    await make('many', {}, { PidsLimit: 50 });
    for (const PidsLimit of [0, -1]) {
      expect(await ask('POST', '/containers/many/update', { PidsLimit: 40 })).toMatchObject({ status: 200 });
      expect(await ask('GET', '/containers/many/json')).toMatchObject({ body: { HostConfig: { PidsLimit: 40 } } });
      expect(await ask('POST', '/containers/many/update', { PidsLimit })).toMatchObject({ status: 200 });
      expect(await ask('GET', '/containers/many/json')).toMatchObject({ body: { HostConfig: { PidsLimit: null } } });
    }
  });

  it('looks at what a body is before it looks for what that is about', async () => {
    for (const path of ['/containers/nobody/update', '/containers/nobody/exec', '/exec/nobody/start', '/containers/create', '/commit', '/volumes/create', '/networks/create']) {
      expect(await ask('POST', path, '{}', { 'Content-Type': 'text/plain' })).toMatchObject(refused(400, 'unsupported Content-Type header (text/plain): must be \'application/json\''));
      expect(await ask('POST', path, '{nonsense')).toMatchObject(refused(400, 'invalid JSON: '));
      expect(await ask('POST', path, '{} more')).toMatchObject(refused(400, 'unexpected content after JSON'));
    }
  });

  it('says in words that programs know what cannot be', async () => {
    const id = await make('ended');
    await start('ended');
    const made = await ask('POST', `/containers/${id}/exec`, { Cmd: ['sleep', '100'], Tty: true });
    const exec = (made.body as { readonly Id: string }).Id;
    expect(await ask('POST', `/exec/${exec}/resize?h=-1&w=100`)).toMatchObject(refused(400, 'invalid resize height "-1": value out of range'));
    expect(await ask('POST', `/exec/${exec}/resize?h=10&w=`)).toMatchObject(refused(400, 'invalid resize width "": invalid syntax'));
    expect(await ask('POST', '/containers/ended/kill')).toMatchObject({ status: 204 });
    await eventually(() => expect(machine.engine.container(id).status?.phase).toBe('exited'));
    expect(await ask('POST', `/exec/${exec}/resize?h=10&w=10`)).toMatchObject(refused(409, `container ${id} is not running`));
    expect(await ask('POST', `/containers/${id}/resize?h=10&w=10`)).toMatchObject(refused(409, `container ${id} is not running`));
    expect(await ask('POST', '/exec/none/resize?h=10&w=10')).toMatchObject(refused(404, 'No such exec instance: none'));
    expect(await ask('GET', `/containers/${id}/archive?path=/dne`)).toMatchObject(refused(404, `Could not find the file /dne in container ${id}`));
    expect(await ask('GET', `/containers/${id}/archive?path=/bin/busybox/`)).toMatchObject(refused(400, 'not a directory'));
  });
});
