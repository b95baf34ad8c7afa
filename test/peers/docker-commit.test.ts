import { execFileSync, spawnSync } from 'node:child_process';
import { request } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DockerRegistry } from '../root/docker-registry.ts';
import { bayplan } from '../root/harness.ts';
import { DockerMachine } from './docker-machine.ts';
import { dockerMissing } from './docker-client.ts';
import { describeWherePresent } from '../where-present.ts';

const hasRunc = spawnSync('runc', ['--version']).status === 0;

/** The status of a POST of JSON to the engine's socket. */
const fetchUnix = (socketPath: string, path: string, body: object): Promise<number> => new Promise((resolve, reject) => {
  request({ socketPath, path, method: 'POST', headers: { 'Content-Type': 'application/json' } }, (response) => { response.resume().once('end', () => { resolve(response.statusCode ?? 0); }); }).once('error', reject).end(JSON.stringify(body));
});

// What a container has written as an image, by the stock client: made, pushed, pulled and run; and containers of another runtime.
describeWherePresent([dockerMissing], 'docker commit and docker run --runtime', () => {
  const world = new DockerMachine();
  let registry: DockerRegistry;
  const out = async (...args: readonly string[]): Promise<string> => {
    const ended = await world.docker(args);
    expect([ended.status, args, ended.status === 0 ? '' : ended.err]).toEqual([0, args, '']);
    return ended.out;
  };
  beforeAll(async () => {
    registry = await new DockerRegistry().open({ auth: true });
    await world.open();
    expect(await world.docker(['login', '-u', 'ann', '--password-stdin', registry.host], 'secret')).toMatchObject({ status: 0 });
  });
  afterAll(async () => {
    await world.dispose();
    await registry.close();
  });

  test('commit with author, message and changes; the event says of which container and as what', async () => {
    await out('run', '-d', '--name', 'writer', '-e', 'KEPT=1', 'bayplan/hello', 'sh', '-c', 'echo written > /srv.txt; exec sleep 1000');
    await out('exec', 'writer', 'sh', '-c', 'until test -s /srv.txt; do usleep 1000; done');
    const began = Math.floor(Date.now() / 1000);
    const image = `${registry.host}/made:1`;
    const id = (await out('commit', '-a', 'ann', '-m', 'why', '-c', 'CMD ["cat", "/srv.txt"]', '-c', 'ENV ADDED=2', '-c', 'EXPOSE 81', '-c', 'WORKDIR /w', '-c', 'LABEL a=b', 'writer', image)).trim();
    expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
    const inspected = JSON.parse(await out('inspect', image)) as [{ Id: string; Author: string; Comment: string; Config: Record<string, unknown>; RootFS: { Layers: string[] } }];
    expect(inspected[0]).toMatchObject({ Id: id, Author: 'ann', Comment: 'why', Config: { Cmd: ['cat', '/srv.txt'], WorkingDir: '/w', Labels: { a: 'b' }, ExposedPorts: { '81/tcp': {} } } });
    expect(inspected[0].Config['Env']).toEqual(expect.arrayContaining(['KEPT=1', 'ADDED=2']));
    expect((await out('inspect', '-f', '{{.State.Status}}', 'writer')).trim()).toBe('running');
    const events = (await out('events', '--since', String(began - 1), '--until', String(Math.floor(Date.now() / 1000) + 1), '--filter', 'event=commit', '--format', '{{.Type}} {{.Actor.Attributes.name}} {{.Actor.Attributes.comment}} {{.Actor.Attributes.imageRef}} {{.Actor.Attributes.imageID}}')).trim();
    expect(events).toBe(`container writer why ${image} ${id}`);
    const asked = await fetchUnix(world.machine.paths.socket, '/commit?container=writer&repo=made/by-body', { Cmd: ['echo', 'a "b"'], Env: ['SAID=x "y" \\z'], Labels: { 'l m': 'n' }, ExposedPorts: { '82/tcp': {} }, User: '7' });
    expect(asked).toBe(201);
    expect((JSON.parse(await out('inspect', 'made/by-body')) as unknown[])[0]).toMatchObject({ Config: { Cmd: ['echo', 'a "b"'], User: '7', Labels: { 'l m': 'n' }, ExposedPorts: { '82/tcp': {} }, Env: expect.arrayContaining(['KEPT=1', 'SAID=x "y" \\z']) as unknown } });
    await out('rmi', 'made/by-body');
    expect((await world.docker(['commit', '-c', 'RUN true', 'writer'])).err).toContain('RUN');
    expect((await world.docker(['commit', 'nosuch'])).err).toContain('No such container: nosuch');
  });

  test('what was committed is pushed, pulled back the same, and runs', async () => {
    const image = `${registry.host}/made:1`;
    const id = (await out('inspect', '-f', '{{.Id}}', image)).trim();
    const digest = /digest: (sha256:\w+)/.exec(await out('push', image))?.[1] ?? '';
    expect(JSON.parse(execFileSync('skopeo', ['inspect', '--tls-verify=false', '--creds=ann:secret', `docker://${image}`], { encoding: 'utf8' }))).toMatchObject({ Digest: digest });
    await out('rm', '-f', 'writer');
    await out('rmi', '-f', image);
    await out('pull', '-q', image);
    expect((await out('inspect', '-f', '{{.Id}}', image)).trim()).toBe(id);
    expect(await out('run', '--rm', image)).toBe('written\n');
    expect(await out('run', '--rm', image, 'sh', '-c', 'echo $KEPT $ADDED $(pwd)')).toBe('1 2 /w\n');
    await out('rmi', '-f', image);
  });

  test.runIf(hasRunc)(`run --runtime runc, which docker info lists${hasRunc ? '' : ' (skipped: no runc)'}`, async () => {
    expect(JSON.parse(await out('info', '--format', '{{json .}}'))).toMatchObject({ DefaultRuntime: 'bayplan', Runtimes: { bayplan: {}, runc: { path: expect.stringContaining('runc') as string } } });
    expect(await out('run', '--rm', '--runtime', 'runc', '-e', 'A=b', 'bayplan/hello', 'sh', '-c', 'echo $A; echo $$')).toBe('b\n1\n');
    expect((await world.docker(['run', '--rm', '--runtime', 'runc', 'bayplan/hello', 'sh', '-c', 'exit 7'])).status).toBe(7);
    await out('run', '-d', '--name', 'other', '--runtime', 'runc', '-m', '64m', 'bayplan/hello', 'sleep', '1000');
    expect((await out('inspect', '-f', '{{.HostConfig.Runtime}} {{.State.Status}}', 'other')).trim()).toBe('runc running');
    expect(await out('exec', 'other', 'cat', '/proc/1/cmdline')).toBe('sleep\u00001000\u0000');
    const missing = await world.docker(['run', '--rm', '--runtime', 'kata', 'bayplan/hello', 'true']);
    expect([missing.status, missing.err]).toEqual([125, expect.stringContaining('runtime "kata" is not known here')]);
    await out('rm', '-f', 'other');
  });

  test('bayplan commit does the same for a service', async () => {
    const file = `${world.machine.folder}/compose.yaml`;
    expect(await world.machine.up('services: {web: {image: bayplan/hello, command: [sh, -c, "echo there > /f; exec sleep 1000"], stop_signal: SIGKILL}}')).toMatchObject({ ok: true });
    await out('exec', 'demo-web-1', 'sh', '-c', 'until test -s /f; do usleep 1000; done');
    const commit = (...args: readonly string[]) => bayplan(['--root', world.machine.root, '-f', file, '-p', 'demo', 'commit', ...args]);
    const made = await commit('-a', 'me', '-m', 'what', '-c', 'CMD ["cat", "/f"]', 'web', 'made/web:2');
    expect(made).toMatchObject({ code: 0, stderr: expect.stringMatching(/Committed as sha256:[0-9a-f]{64}\n$/) }); // as docker compose says it
    expect(await out('run', '--rm', 'made/web:2')).toBe('there\n');
    expect(await commit('web')).toMatchObject({ code: 0 });
    expect(await commit('-c', 'RUN true', 'web')).toMatchObject({ code: 1, stderr: expect.stringContaining('RUN') });
    expect(await commit('none')).toMatchObject({ code: 1, stderr: expect.stringContaining('none') });
    await world.machine.down();
    await out('rmi', '-f', 'made/web:2');
  });
});
