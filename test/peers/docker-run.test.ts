import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import type { Server } from 'node:http';
import { hostname } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApi } from '../../src/api/api.ts';
import { serve } from '../../src/api/serve.ts';
import { eventually, Machine } from '../root/harness.ts';
import { Terminal } from '../root/terminal.ts';
import { describeWherePresent, rootMissing } from '../where-present.ts';
import { dockerMissing } from './docker-client.ts';

// The stock docker client's run, attach, exec and what belongs to them, against a real engine.

interface Ended { readonly code: number; readonly out: string; readonly err: string }

describeWherePresent([dockerMissing, rootMissing], 'the docker client', () => {
  const machine = new Machine();
  let server: Server;
  const env = { PATH: process.env['PATH'] ?? '', HOME: machine.folder, DOCKER_HOST: `unix://${machine.paths.socket}`, TERM: 'xterm' };

  const open = async (): Promise<void> => {
    await machine.open();
    server = createApi(machine.engine, (line) => machine.reports.push(line));
    await serve(server, machine.paths.socket);
  };
  const close = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
    await machine.close();
  };
  beforeAll(async () => {
    await open();
    await machine.loadHello();
  });
  afterAll(async () => {
    for (const [name, { identity }] of machine.engine.containers.list()) if (identity.owner === 'api') await machine.engine.removeContainer(name, { volumes: true });
    await machine.engine.networks.remove('bridge');
    server.close();
    server.closeAllConnections();
    await machine.dispose();
  });

  const docker = (args: readonly string[], input: string | Buffer = ''): Promise<Ended> => run('docker', args, input);
  const shell = (script: string): Promise<Ended> => run('sh', ['-c', script], '');

  async function run(program: string, args: readonly string[], input: string | Buffer): Promise<Ended> {
    const child = spawn(program, args, { env });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => { out += String(chunk); });
    child.stderr.on('data', (chunk) => { err += String(chunk); });
    child.stdin.on('error', () => undefined).end(input);
    return await new Promise((resolve) => child.once('close', (code) => resolve({ code: code ?? -1, out, err })));
  }
  const names = (): readonly string[] => [...machine.engine.containers.list().keys()];

  describe('run', () => {
    it('keeps both outputs apart, gives back the exit code, and --rm leaves nothing', async () => {
      expect(await docker(['run', '--rm', 'bayplan/hello', 'sh', '-c', 'echo out; echo err >&2; exit 7'])).toEqual({ code: 7, out: 'out\n', err: 'err\n' });
      await eventually(() => expect(names()).toEqual([]));
      expect(readdirSync(machine.paths.containers)).toEqual([]);
    });

    it('passes stdin on and its end, whole', async () => {
      const input = Buffer.alloc(3_000_000, 'all of it\n');
      expect(await docker(['run', '--rm', '-i', 'bayplan/hello', 'md5sum'], input)).toMatchObject({ code: 0, out: `${execFileSync('md5sum', { input }).toString()}` });
    });

    it('loses no output, however slow its reader', async () => {
      const { out } = await shell('docker run --rm bayplan/hello head -c 40000000 /dev/zero | (sleep 1; wc -c)');
      expect(out).toBe('40000000\n');
    });

    it('holds a container as its options say', async () => {
      const limits = ['--memory', '64m', '--memory-reservation', '32m', '--memory-swap', '96m', '--cpus', '0.5', '--cpuset-cpus', '0', '--pids-limit', '50', '--ulimit', 'nofile=100:200', '--shm-size', '3m', '--oom-score-adj', '300'];
      const rest = ['--sysctl', 'net.core.somaxconn=77', '--device', '/dev/zero:/dev/nothing:r', '--security-opt', 'no-new-privileges', '--log-opt', 'max-size=1m', '--tmpfs', '/t:size=1m', '--cgroupns', 'private', '--ipc', 'shareable'];
      const script = 'ulimit -n; cat /proc/sys/net/core/somaxconn /proc/self/oom_score_adj; [ -c /dev/nothing ] && echo device; grep -c NoNewPrivs:.*1 /proc/self/status; grep -E "^Cpus_allowed_list" /proc/self/status';
      expect(await docker(['run', '--rm', ...limits, ...rest, 'bayplan/hello', 'sh', '-c', script])).toMatchObject({ code: 0, err: '', out: '100\n77\n300\ndevice\n1\nCpus_allowed_list:\t0\n' });
      expect(await docker(['run', '--rm', '--privileged', '--pid', 'host', '--uts', 'host', '--security-opt', 'seccomp=unconfined', '--security-opt', 'systempaths=unconfined', 'bayplan/hello', 'sh', '-c', 'grep Seccomp: /proc/self/status; mkdir /x; mount -t tmpfs x /x && echo mounted'])).toMatchObject({ code: 0, out: 'Seccomp:\t0\nmounted\n' });
      expect(await docker(['run', '--rm', '--network', 'host', '--sysctl', 'net.core.somaxconn=1', 'bayplan/hello', 'true'])).toMatchObject({ code: 125, err: expect.stringContaining('sysctls: net.core.somaxconn belongs to the network, which is the host\'s') });
    });

    it('update changes limits and the restart policy of one that runs, and --volumes-from gives its volumes to another', async () => {
      expect(await docker(['run', '-d', '--name', 'held', '-v', '/kept', '--memory', '64m', 'bayplan/hello', 'sh', '-c', 'echo it > /kept/file; sleep 1000'])).toMatchObject({ code: 0 });
      expect(await docker(['update', '--memory', '128m', '--cpus', '0.5', '--restart', 'on-failure:2', 'held'])).toMatchObject({ code: 0, out: 'held\n' });
      expect(await docker(['inspect', '-f', '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}} {{.State.Running}}', 'held'])).toMatchObject({ out: '134217728 500000000 on-failure 2 true\n' });
      await eventually(async () => expect(await docker(['run', '--rm', '--volumes-from', 'held:ro', 'bayplan/hello', 'cat', '/kept/file'])).toMatchObject({ code: 0, out: 'it\n' }));
      expect(await docker(['rm', '-fv', 'held'])).toMatchObject({ code: 0 });
    });

    it('answers 127 and 126 for what cannot be run, and 125 for what cannot be made', async () => {
      expect(await docker(['run', '--rm', 'bayplan/hello', 'no-such-thing'])).toMatchObject({ code: 127, err: expect.stringContaining('no-such-thing: executable file not found in the container') });
      expect(await docker(['run', '--rm', 'bayplan/hello', '/etc'])).toMatchObject({ code: 126 });
      expect(await docker(['run', '--rm', '--gpus', 'all', 'bayplan/hello', 'true'])).toMatchObject({ code: 125, err: expect.stringContaining('there is no CDI device nvidia.com/gpu=all on this machine: no file in /etc/cdi or /var/run/cdi describes it; `nvidia-ctk cdi generate') });
      expect(await docker(['run', '--rm', '--network', 'nosuch', 'bayplan/hello', 'true'])).toMatchObject({ code: 125, err: expect.stringMatching(/^docker: Error response from daemon: network nosuch not found$/m) });
      expect(names()).toEqual([]);
    });

    it('-d leaves it running, as it was asked for', async () => {
      const made = await docker(['run', '-d', '--name', 'asked', '-e', 'A=b', '-w', '/tmp', '-u', '1000', '--hostname', 'box', '--tmpfs', '/scratch:size=1m', '-v', 'asked-data:/data', '--memory', '64m', '--cap-drop', 'ALL', '--init',
        '--label', 'from=test', '-p', '127.0.0.1::80', 'bayplan/hello', 'sh', '-c', 'echo $A $(pwd) $(id -u) $(hostname); exec sleep 1000']);
      expect(made).toMatchObject({ code: 0, out: expect.stringMatching(/^[0-9a-f]{64}\n$/) });
      await eventually(async () => expect((await docker(['logs', 'asked'])).out).toBe('b /tmp 1000 box\n'));
      expect((await docker(['exec', 'asked', 'sh', '-c', 'grep -c " /scratch tmpfs\\| /data " /proc/mounts; cat /proc/1/comm'])).out).toBe('2\ninit\n');
      expect((await docker(['port', 'asked'])).out).toMatch(/^80\/tcp -> 127\.0\.0\.1:\d+\n$/);
      expect((await docker(['ps', '--filter', 'label=from=test', '--format', '{{.Names}} {{.Image}}'])).out).toBe('asked bayplan/hello\n');
      expect((await docker(['top', 'asked', '-o', 'pid,args'])).out).toContain('sleep 1000');
      expect(await docker(['run', '--name', 'asked', 'bayplan/hello', 'true'])).toMatchObject({ code: 125, err: expect.stringContaining('the name "asked" is in use') });
      expect(await docker(['rm', 'asked'])).toMatchObject({ code: 1, err: expect.stringContaining('container is running: stop the container before removing or force remove') });
      expect((await docker(['rename', 'asked', 'renamed'])).code).toBe(0);
      expect((await docker(['rm', '-f', 'renamed'])).out).toBe('renamed\n');
      await machine.engine.volumes.remove('asked-data');
    });

    it('gives a terminal of this one\'s size, and follows it', async () => {
      const terminal = new Terminal('docker run -it --rm bayplan/hello sh -c "trap \'stty size\' WINCH; tty; ls -l /dev/console; stty size; echo ready; while :; do read line && exit 5; done"; echo status $?', env);
      await terminal.shows(/\/dev\/pts\/0\s+crw[^\n]*\/dev\/console\s+40 100\s+ready/);
      await eventually(() => { // the client listens, and the shell reads, from a moment after that on
        terminal.resize(121, 50);
        terminal.resize(120, 50);
        expect(terminal.output).toMatch(/50 120/);
      });
      terminal.type('\r');
      await terminal.exit;
      expect(terminal.output).toContain('status 5');
      await eventually(() => expect(names()).toEqual([]));
    });

    it('removes a --rm container that ended while no engine ran', async () => {
      await docker(['run', '-d', '--rm', '--name', 'brief', 'bayplan/hello', 'sleep', '1000']);
      const pid = machine.engine.container('brief').status?.pid ?? 0;
      await close();
      process.kill(pid, 'SIGKILL');
      await eventually(() => expect(existsSync(`/proc/${pid}`)).toBe(false));
      await open();
      await eventually(() => expect(names()).toEqual([]));
    });
  });

  describe('attach', () => {
    it('joins a running container, leaves it at Ctrl-P Ctrl-Q, and finds it again after the engine', async () => {
      await docker(['run', '-dit', '--name', 'shell', 'bayplan/hello', 'sh']);
      const first = new Terminal('docker attach shell; echo status $?', env);
      await first.shows(/#|\$/);
      first.type('x=kept; echo is-$x\r');
      await first.shows(/is-kept/);
      first.type('\x10\x11');
      await first.exit;
      expect(machine.engine.container('shell').status?.phase).toBe('running');
      await close();
      await open();
      const second = new Terminal('docker attach shell; echo status $?', env);
      second.type('echo still-$x; exit 3\r');
      await second.exit;
      expect(second.output).toMatch(/still-kept/);
      expect(second.output).toContain('status 3');
      expect((await docker(['start', '-ai', 'shell'], 'exit 4\n')).code).toBe(4);
      await docker(['rm', '-f', 'shell']);
    });

    it('a reader that stands still does not keep the others from the output', async () => {
      await docker(['run', '-d', '--name', 'loud', 'bayplan/hello', 'sh', '-c', 'sleep 0.3; head -c 200000 /dev/zero; echo end; sleep 1000']);
      const still = spawn('docker', ['attach', '--no-stdin', 'loud'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
      await eventually(async () => expect((await docker(['logs', 'loud'])).out).toContain('end\n'));
      still.kill();
      await docker(['rm', '-f', 'loud']);
    });
  });

  describe('exec', () => {
    it('-it has a terminal, and answers with the exit code', async () => {
      await docker(['run', '-d', '--name', 'box', 'bayplan/hello', 'sleep', '1000']);
      const terminal = new Terminal('docker exec -it box sh -c "tty; stty size; exit 7"; echo status $?', env);
      await terminal.exit;
      expect(terminal.output).toMatch(/\/dev\/pts\/0\s+40 100\s+status 7/);
      expect(await docker(['exec', '-i', 'box', 'cat'], 'typed')).toMatchObject({ code: 0, out: 'typed' });
      await docker(['rm', '-f', 'box']);
    });
  });

  it('what moby\'s integration-cli has found: names, places and variables of a container\'s own', async () => {
    const out = async (...args: string[]): Promise<string> => (await docker(['run', '--rm', ...args])).out;
    expect(await out('-v', '/etc', 'bayplan/hello', 'cat', '/etc/resolv.conf')).toContain('nameserver');
    expect(await out('-h', 'web.example.test', 'bayplan/hello', 'tail', '-n', '1', '/etc/hosts')).toMatch(/\tweb\.example\.test web\n$/);
    expect(await out('--net', 'host', 'bayplan/hello', 'sh', '-c', 'hostname; cat /etc/hostname')).toBe(`${hostname()}\n${hostname()}\n`);
    expect((await docker(['run', '--rm', '--device', '/etc', 'bayplan/hello'])).err).toContain('"/etc": not a device node');
    await docker(['run', '-dit', '--name', 'typed', 'bayplan/hello', 'cat']);
    expect(await docker(['exec', 'typed', 'sh', '-c', 'echo "$TERM"'])).toMatchObject({ code: 0, out: '\n' });
    expect((await docker(['exec', '-t', 'typed', 'sh', '-c', 'echo "$TERM"'])).out).toBe('xterm\r\n');
    await docker(['rm', '-f', 'typed']);
  });

  it('a container that is started again and again is killed for good, whenever that is asked for', async () => {
    await docker(['run', '-d', '--name', 'again', '--restart', 'always', 'bayplan/hello', 'false']);
    await eventually(async () => expect((await docker(['inspect', '-f', '{{.State.Restarting}}', 'again'])).out).toBe('true\n'));
    expect(await docker(['kill', 'again'])).toMatchObject({ code: 0, out: 'again\n' });
    expect((await docker(['inspect', '-f', '{{.State.Status}} {{.State.Restarting}}', 'again'])).out).toBe('exited false\n');
    await docker(['rm', 'again']);
  });

  it('a command that runs in a container is shown with it', async () => {
    await docker(['run', '-d', '--name', 'host', 'bayplan/hello', 'sleep', '1000']);
    await docker(['exec', '-d', 'host', 'sleep', '1000']);
    expect((await docker(['inspect', '-f', '{{len .ExecIDs}} {{len (index .ExecIDs 0)}}', 'host'])).out).toBe('1 64\n');
    await docker(['rm', '-f', 'host']);
  });

  it('create, start, wait, logs -f, stop, events and prune', async () => {
    const since = String(Date.now() / 1000);
    await docker(['create', '--name', 'steps', 'bayplan/hello', 'sh', '-c', 'echo one; sleep 0.5; echo two; exit 3']);
    expect((await docker(['ps', '-a', '--format', '{{.Names}} {{.State}}'])).out).toBe('steps created\n');
    expect((await docker(['start', 'steps'])).out).toBe('steps\n');
    const waiting = docker(['wait', 'steps']);
    expect((await docker(['logs', '-f', 'steps'])).out).toBe('one\ntwo\n');
    expect((await waiting).out).toBe('3\n');
    expect(await docker(['start', '-a', 'steps'])).toMatchObject({ code: 3, out: 'one\ntwo\n' });
    expect((await docker(['container', 'prune', '-f'])).out).toMatch(/Deleted Containers:\n[0-9a-f]{64}/);
    const events = await docker(['events', '--since', since, '--until', String(Date.now() / 1000), '--filter', 'container=steps', '--format', '{{.Action}} {{.Actor.Attributes.exitCode}}']);
    expect(events.out.replaceAll(' <no value>', '').replaceAll(/ +$/gm, '')).toBe('create\nstart\ndie 3\nattach\nstart\ndie 3\ndestroy\n');
    expect(machine.reports).toEqual([]);
  });
});
