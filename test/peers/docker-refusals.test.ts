import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWherePresent, rootMissing } from '../where-present.ts';
import { eventually } from '../root/harness.ts';
import { dockerMissing } from './docker-client.ts';
import { DockerMachine } from './docker-machine.ts';

// What the stock docker client is told where something cannot be had: in one line, before anything is made.
describeWherePresent([dockerMissing, rootMissing], 'the docker client', () => {
  const world = new DockerMachine();
  const { docker, machine } = world;
  const run = (...args: readonly string[]): ReturnType<typeof docker> => docker(['run', '--rm', ...args]);
  /** Docker's own first lines: without its hint at the end. */
  const lines = (err: string): readonly string[] => err.split('\n').filter((line) => line !== '' && !line.startsWith('Run \'docker'));

  beforeAll(async () => {
    await world.open();
    expect(await docker(['run', '-d', '--name', 'quiet', '--log-driver', 'none', '--memory-reservation', '32m', 'bayplan/hello', 'sh', '-c', 'echo lost; exec sleep 1000'])).toMatchObject({ status: 0 });
  });
  afterAll(async () => {
    await world.dispose();
  });

  it('refuses a stop signal that there is not, and stops one whose image has such', async () => {
    for (const signal of ['FOO', '99', 'SIGRTMIN+90']) expect(await run('--stop-signal', signal, 'bayplan/hello', 'true')).toMatchObject({ status: 125, err: expect.stringContaining(`Error response from daemon: invalid signal: ${signal}: give a name such as SIGTERM`) });
    expect(await docker(['commit', '-c', 'STOPSIGNAL SIGNONE', 'quiet', 'odd'])).toMatchObject({ status: 0 });
    expect(await docker(['run', '-d', '--name', 'odd', '--init', 'odd', 'sleep', '1000'])).toMatchObject({ status: 0 });
    expect(await docker(['stop', '-t', '60', 'odd'])).toMatchObject({ status: 0, out: 'odd\n' });
    expect(await docker(['inspect', '-f', '{{.State.ExitCode}}', 'odd'])).toMatchObject({ out: '143\n' }); // of SIGTERM
    expect(await docker(['rm', 'odd'])).toMatchObject({ status: 0 });
    expect(await docker(['rmi', 'odd'])).toMatchObject({ status: 0 });
  });

  it('says that a logging driver keeps nothing to read', async () => {
    const refused = { status: 1, out: '', err: 'Error response from daemon: container quiet: its output is not kept (logging driver "none")\n' };
    expect(await docker(['logs', 'quiet'])).toEqual(refused);
    expect(await docker(['logs', '-f', 'quiet'])).toEqual(refused);
    expect(await run('--log-driver', 'none', 'bayplan/hello', 'echo', 'shown')).toEqual({ status: 0, out: 'shown\n', err: '' });
  });

  it('refuses limits that contradict each other, or that no machine of this size can keep', async () => {
    for (const [limits, why] of [
      [['-m', '10m', '--memory-reservation', '20m'], 'Minimum memory limit can not be less than memory reservation limit, see usage'],
      [['--cpus', '4096'], expect.stringMatching(/^range of CPUs is from 0\.01 to (\d+)\.00, as there are only \1 CPUs available$/)],
      [['--cpus', '0.001'], 'cpus 0.001: expected at least 0.01'],
    ] as const) {
      const { status, err } = await run(...limits, 'bayplan/hello', 'true');
      expect([status, lines(err).map((line) => line.replace('docker: Error response from daemon: ', ''))]).toEqual([125, [why]]);
    }
    expect(await docker(['update', '--cpus', '4096', 'quiet'])).toMatchObject({ status: 1, err: expect.stringContaining('range of CPUs') });
    expect(await docker(['update', '--memory', '16m', 'quiet'])).toMatchObject({ status: 1, err: expect.stringContaining('less than memory reservation limit') });
    expect(await docker(['inspect', '-f', '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}', 'quiet'])).toMatchObject({ out: '0 0\n' });
  });

  it('mounts nothing over the whole root, however that is written', async () => {
    for (const mount of [['-v', 'whole:/.'], ['-v', `${machine.folder}:/srv/..`], ['--tmpfs', '/..'], ['--mount', 'type=tmpfs,target=/']]) expect(await run(...mount, 'bayplan/hello', 'true')).toMatchObject({ status: 125 });
    expect((await run('--mount', 'type=bind,source=/tmp,target=/tmp/..', 'bayplan/hello', 'true')).err).toContain('volumes: "/tmp/.." is the container\'s whole root, and nothing can be mounted there');
  });

  it('says in one line what is wrong with a seccomp profile', async () => {
    const profile = join(machine.folder, 'profile.json');
    const told = async (text: object): Promise<readonly string[]> => {
      writeFileSync(profile, JSON.stringify(text));
      const { status, err } = await run('--name', 'filtered', '--security-opt', `seccomp=${profile}`, 'bayplan/hello', 'true');
      expect(status).toBe(125);
      return lines(err);
    };
    expect(await told({ defaultAction: 'SCMP_ACT_FOO' })).toEqual(['docker: Error response from daemon: seccomp: unknown or unsupported action "SCMP_ACT_FOO"']);
    const ended = (signal: string): readonly string[] => [`docker: Error response from daemon: container filtered (image bayplan/hello): the container's first process was ended by signal ${signal} while it was set up: its seccomp profile allows too little, which is execve to start a program, and write and exit_group to tell of a failure`];
    expect(await told({ defaultAction: 'SCMP_ACT_KILL_PROCESS' })).toEqual(ended('31 (Bad system call)'));
    expect(await told({ defaultAction: 'SCMP_ACT_ERRNO' })).toEqual(ended('11 (Segmentation fault)'));
    expect([...machine.engine.containers.list().keys()]).toEqual(['quiet']);
  });

  it('exec of no name answers as for any that is not there, attached and not', async () => {
    expect(await docker(['exec', 'quiet', ''])).toMatchObject({ status: 127, err: expect.stringContaining('exec "": executable file not found') });
    expect(await docker(['exec', 'quiet', 'nope'])).toMatchObject({ status: 127, err: expect.stringContaining('exec nope: executable file not found') });
    for (const name of ['', 'nope', '/etc']) expect(await docker(['exec', '-d', 'quiet', name])).toMatchObject({ status: 1, out: '', err: expect.stringContaining('Error response from daemon: exec ') });
    expect(await docker(['exec', '-d', 'quiet', 'true'])).toEqual({ status: 0, out: '', err: '' });
  });

  it('counts no failure of a health check in its start period', async () => {
    const check = ['--health-cmd', 'exit 1', '--health-interval', '50ms', '--health-retries', '2'];
    expect(await docker(['run', '-d', '--name', 'early', '--health-start-period', '600s', '--health-start-interval', '50ms', ...check, 'bayplan/hello', 'sleep', '1000'])).toMatchObject({ status: 0 });
    await eventually(async () => expect((await docker(['inspect', '-f', '{{len .State.Health.Log}}', 'early'])).out).toBe('5\n'));
    expect((await docker(['inspect', '-f', '{{.State.Health.Status}} {{.State.Health.FailingStreak}}', 'early'])).out).toBe('starting 0\n');
    expect(await docker(['run', '-d', '--name', 'late', ...check, 'bayplan/hello', 'sleep', '1000'])).toMatchObject({ status: 0 });
    await eventually(async () => expect((await docker(['inspect', '-f', '{{.State.Health.Status}} {{.State.Health.FailingStreak}}', 'late'])).out).toMatch(/^unhealthy [2-9]\d*\n$/));
    expect(await docker(['rm', '-f', 'early', 'late'])).toMatchObject({ status: 0 });
  });
});
