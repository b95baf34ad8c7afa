import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApi } from '../../src/api/api.ts';
import { serve } from '../../src/api/serve.ts';
import { eventually, Machine } from '../root/harness.ts';
import { dockerClient, dockerMissing, type Ended } from './docker-client.ts';
import { describeWherePresent } from '../where-present.ts';

// cp, export, diff, pause and stats of the stock docker client.
describeWherePresent([dockerMissing], 'the docker client', () => {
  const machine = new Machine();
  const here = join(machine.folder, 'here');
  let server: Server;
  let docker: (args: readonly string[], input?: string | Buffer) => Promise<Ended>;
  const out = async (...args: readonly string[]): Promise<string> => {
    const ended = await docker(args);
    expect([ended.status, args, ended.status === 0 ? '' : ended.err]).toEqual([0, args, '']);
    return ended.out;
  };

  beforeAll(async () => {
    mkdirSync(here);
    writeFileSync(join(here, 'file'), 'from here');
    server = createApi(await machine.open());
    await serve(server, machine.paths.socket);
    docker = dockerClient(machine.paths.socket, machine.folder);
    await machine.loadHello();
    expect(await machine.up('services: {web: {image: bayplan/hello, command: [sh, -c, "mkdir /srv; echo there > /srv/file; ln -s /srv/file /srv/link; exec sleep 1000"], stop_signal: SIGKILL}}')).toMatchObject({ ok: true });
    await eventually(() => expect(machine.exec('demo-web-1', 'test', '-e', '/srv/link')).resolves.toMatchObject({ code: 0 }));
  });
  afterAll(async () => {
    server.close();
    server.closeAllConnections();
    await machine.dispose();
  });

  test.each(['running', 'stopped'])('cp, export and diff of one that is %s', async (how) => {
    if (how === 'stopped') await out('stop', 'demo-web-1');
    await out('cp', join(here, 'file'), 'demo-web-1:/srv/new');
    await out('cp', join(here, '.'), 'demo-web-1:/srv/folder');
    await out('cp', 'demo-web-1:/srv', join(here, how));
    expect([readFileSync(join(here, how, 'new'), 'utf8'), readFileSync(join(here, how, 'folder/file'), 'utf8'), readFileSync(join(here, how, 'file'), 'utf8')]).toEqual(['from here', 'from here', 'there\n']);
    await out('cp', '-L', 'demo-web-1:/srv/link', join(here, `${how}-link`));
    expect(readFileSync(join(here, `${how}-link`), 'utf8')).toBe('there\n');
    expect((await docker(['cp', 'demo-web-1:/nosuch', here])).err).toContain('Could not find the file /nosuch in container demo-web-1');
    expect((await docker(['cp', here, 'demo-web-1:/srv/file'])).status).toBe(1);
    expect(await out('cp', 'demo-web-1:/srv/file', '-')).toContain('there\n');
    expect(await out('diff', 'demo-web-1')).toContain('A /srv/new\n');
    expect(await out('export', 'demo-web-1')).toContain('srv/new');
    if (how === 'stopped') await out('start', 'demo-web-1');
  });

  test('pause, unpause and stats', async () => {
    await out('pause', 'demo-web-1');
    expect(await out('ps', '--format', '{{.State}} {{.Status}}')).toMatch(/^paused Up .* \(Paused\)\n$/);
    expect(await out('inspect', '-f', '{{.State.Status}} {{.State.Running}} {{.State.Paused}}', 'demo-web-1')).toBe('paused true true\n');
    expect((await docker(['exec', 'demo-web-1', 'true'])).err).toContain('is paused, unpause the container before exec');
    expect(await out('info', '-f', '{{.ContainersPaused}}')).toBe('1\n');
    expect(await out('stats', '--no-stream', '--format', '{{.Name}} {{.PIDs}} {{.CPUPerc}}')).toMatch(/^demo-web-1 [12] 0\.00%\n$/); // it may have been frozen while it set itself up
    await out('unpause', 'demo-web-1');
    expect((await docker(['unpause', 'demo-web-1'])).err).toContain('is not paused');
    expect(await out('exec', 'demo-web-1', 'echo', 'on')).toBe('on\n');
  });
});
