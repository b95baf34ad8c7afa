import { readFileSync, statSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApi } from '../../src/api/api.ts';
import { serve } from '../../src/api/serve.ts';
import { eventually, Machine } from '../root/harness.ts';
import { dockerClient, dockerMissing, type Ended } from './docker-client.ts';
import { describeWherePresent } from '../where-present.ts';

// The stock docker client against a real engine with real containers.

const STACK = `
services:
  web:
    image: bayplan/hello
    command: [sh, -c, "trap 'exit 7' TERM; echo to stdout; echo to stderr >&2; while :; do sleep 0.05; done"]
    environment: { COLOUR: blue }
    volumes: ["data:/data"]
volumes:
  data:
`;

describeWherePresent([dockerMissing], 'the docker client and a real engine', () => {
  const machine = new Machine();
  let server: Server;
  let docker: (args: readonly string[], input?: string | Buffer) => Promise<Ended>;
  const out = async (...args: readonly string[]): Promise<string> => {
    const ended = await docker(args);
    expect(ended).toMatchObject({ status: 0, err: '' });
    return ended.out.trimEnd();
  };
  const refused = async (...args: readonly string[]): Promise<string> => {
    const ended = await docker(args);
    expect(ended.status).toBe(1);
    return ended.err;
  };

  beforeAll(async () => {
    server = createApi(await machine.open());
    await serve(server, machine.paths.socket);
    docker = dockerClient(machine.paths.socket, machine.folder);
    await machine.loadHello();
    expect(await machine.up(STACK)).toMatchObject({ ok: true });
  });
  afterAll(async () => {
    server.close();
    server.closeAllConnections();
    await machine.dispose();
  });

  test('version and info', async () => {
    expect(await out('version', '--format', '{{.Server.Version}} {{.Client.APIVersion}} {{.Server.Os}}')).toMatch(/^test 1\.(50|51) linux$/);
    expect(await out('info', '--format', '{{.Containers}} {{.ContainersRunning}} {{.Images}} {{.DockerRootDir}}')).toBe(`1 1 1 ${machine.root}`);
  });

  test('ps and inspect', async () => {
    expect(await out('ps', '--format', '{{.Names}}|{{.Image}}|{{.State}}')).toBe('demo-web-1|bayplan/hello|running');
    const { id, pid } = machine.engine.container('demo-web-1').status!;
    expect(await out('inspect', '-f', '{{.Id}} {{.State.Pid}} {{.Config.Env}}', 'demo-web-1')).toMatch(new RegExp(`^${id} ${pid} .*COLOUR=blue`));
    expect(await out('inspect', '-f', '{{.Name}}', id.slice(0, 12))).toBe('/demo-web-1');
    expect(await out('volume', 'inspect', '-f', '{{.Mountpoint}}', 'demo_data')).toBe(join(machine.root, 'volumes/demo_data/_data'));
    expect(await out('network', 'inspect', '-f', '{{(index .IPAM.Config 0).Subnet}}', 'demo_default')).toMatch(/^\d+\.\d+\.\d+\.0\/\d+$/);
  });

  test('logs and exec', async () => {
    await eventually(async () => expect(await docker(['logs', 'demo-web-1'])).toEqual({ status: 0, out: 'to stdout\n', err: 'to stderr\n' }));
    expect(await docker(['exec', '-i', 'demo-web-1', 'sh', '-c', 'cat; echo $COLOUR >&2; exit 9'], 'typed')).toEqual({ status: 9, out: 'typed', err: 'blue\n' });
  });

  test('stop, wait, start, restart and kill', async () => {
    const waiting = docker(['wait', 'demo-web-1']);
    expect(await out('stop', 'demo-web-1')).toBe('demo-web-1');
    expect(await waiting).toMatchObject({ status: 0, out: '7\n' });
    expect(await out('ps', '-a', '--format', '{{.Status}}')).toMatch(/^Exited \(7\)/);
    expect(await out('start', 'demo-web-1')).toBe('demo-web-1');
    const before = machine.engine.container('demo-web-1').status?.pid;
    expect(await out('restart', '-t', '0', 'demo-web-1')).toBe('demo-web-1');
    expect(machine.engine.container('demo-web-1').status?.pid).not.toBe(before);
    expect(await out('kill', 'demo-web-1')).toBe('demo-web-1');
    await eventually(() => expect(machine.engine.container('demo-web-1').status).toMatchObject({ phase: 'exited', exitCode: 137 }));
    expect(await out('start', 'demo-web-1')).toBe('demo-web-1');
  });

  test('images, with filters and formats', async () => {
    expect(await out('images', '--format', '{{.Repository}}:{{.Tag}} {{.Size}}')).toMatch(/^bayplan\/hello:latest [\d.]+MB$/);
    expect(await out('images', '-q', '--no-trunc')).toBe(machine.engine.images.find('bayplan/hello')?.id);
    expect(await out('images', '-q', '--filter', 'dangling=true')).toBe('');
    expect(await out('images', '-q', '--filter', 'reference=bayplan/*')).not.toBe('');
    expect(await out('images', '-q', '--filter', 'before=bayplan/hello')).toBe('');
    expect(await refused('images', '--filter', 'since=nosuch')).toContain('No such image: nosuch');
    expect(await out('images', '--digests', '--format', '{{.Digest}}')).toBe(machine.engine.images.find('bayplan/hello')?.digest);
  });

  test('image inspect and history say what the image says', async () => {
    const [seen] = JSON.parse(await out('image', 'inspect', 'bayplan/hello')) as [{ Id: string; RepoTags: string[]; Config: object; RootFS: { Layers: string[] }; Architecture: string }];
    const details = machine.engine.images.details('bayplan/hello');
    expect(seen).toMatchObject({ RepoTags: ['bayplan/hello:latest'], Config: details.config.config, RootFS: { Layers: details.config.rootfs.diff_ids }, Architecture: details.config.architecture });
    expect((await out('history', '--format', '{{.ID}} {{.Size}}', '--no-trunc', 'bayplan/hello')).split('\n')[0]).toMatch(new RegExp(`^${seen.Id} [\\d.]+MB$`));
    expect(await refused('image', 'inspect', 'nosuch')).toContain('No such image: nosuch');
  });

  test('tag and rm', async () => {
    await out('tag', 'bayplan/hello', 'localhost:5000/team/app:2');
    expect(await out('images', '--format', '{{.Repository}}:{{.Tag}}', 'localhost:5000/team/app')).toBe('localhost:5000/team/app:2');
    expect(await refused('tag', 'bayplan/hello', 'UPPER')).toContain('invalid reference format');
    expect(await refused('tag', 'nosuch', 'x')).toContain('No such image: nosuch');
    expect(await out('rmi', 'localhost:5000/team/app:2')).toBe('Untagged: localhost:5000/team/app:2');
    expect(await refused('rmi', 'bayplan/hello')).toContain('running container demo-web-1 was made from it');
    expect(await refused('rmi', '-f', machine.engine.images.find('bayplan/hello')?.id ?? '')).toContain('running container demo-web-1');
    expect(await refused('rmi', 'nosuch')).toContain('No such image: nosuch');
  });

  test('save, rm and load give the same image back; prune leaves what is used', async () => {
    const { id } = machine.engine.images.find('bayplan/hello')!;
    const archive = join(machine.folder, 'saved.tar');
    await out('tag', 'bayplan/hello', 'copy:1');
    await out('save', '-o', archive, 'copy:1', 'bayplan/hello');
    expect(statSync(archive).size).toBeGreaterThan(500_000);
    await out('rmi', 'copy:1');
    expect((await docker(['load'], readFileSync(archive))).out).toBe('Loaded image: copy:1\nLoaded image: bayplan/hello:latest\n');
    expect(machine.engine.images.find('copy:1')?.id).toBe(id);
    expect(await out('rmi', 'copy:1')).toBe('Untagged: copy:1');
    expect(await out('image', 'prune', '-af')).toBe('Total reclaimed space: 0B');
    expect(await machine.down({ volumes: true, stopTimeoutSeconds: 0 })).toMatchObject({ ok: true });
    expect(await out('image', 'prune', '-f')).toBe('Total reclaimed space: 0B');
    expect(await out('image', 'prune', '-af')).toMatch(new RegExp(`^Deleted Images:\nuntagged: bayplan/hello:latest\ndeleted: ${id}\ndeleted: sha256:\\w{64}\n\nTotal reclaimed space: [\\d.]+MB$`));
    expect(machine.engine.images.list()).toEqual([]);
    expect(await out('load', '-i', archive)).toContain('Loaded image: bayplan/hello:latest');
    expect(await machine.up(STACK)).toMatchObject({ ok: true });
  });

  test('system df', async () => {
    expect((await machine.exec('demo-web-1', 'sh', '-c', 'head -c 5000 /dev/zero > /here; head -c 7000 /dev/zero > /data/there')).code).toBe(0);
    const rows = (await out('system', 'df', '--format', '{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}}')).split('\n');
    expect(rows).toEqual([expect.stringMatching(/^Images 1 1 [\d.]+MB$/), 'Containers 1 1 5kB', 'Local Volumes 1 1 7kB', 'Build Cache 0 0 0B']);
  });

  test('system prune goes through, and leaves what is used', async () => {
    expect(await out('system', 'prune', '-f')).toContain('Total reclaimed space: 0B');
    expect(await out('ps', '--format', '{{.Names}}')).toContain('demo-web-1');
  });

  test('rm', async () => {
    expect(await refused('rm', 'demo-web-1')).toContain('demo-web-1');
    expect(await out('rm', '-f', 'demo-web-1')).toBe('demo-web-1');
    expect(await out('ps', '-aq')).toBe('');
  });
});
