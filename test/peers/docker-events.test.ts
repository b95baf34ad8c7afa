import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dockerMissing } from './docker-client.ts';
import { DockerMachine } from './docker-machine.ts';

const why = dockerMissing === null ? '' : ` (skipped: ${dockerMissing})`;

/** What is done, and what Docker 28.5.2 tells of it, in its order. */
const DONE: readonly (readonly [command: string, events: readonly string[]])[] = [
  ['tag bayplan/hello t:1', ['image tag t:1']],
  ['rmi t:1', ['image untag ID']],
  ['save -o FOLDER/hello.tar bayplan/hello', ['image save ID']],
  ['load -qi FOLDER/hello.tar', ['image load ID']],
  ['network create n1', ['network create n1']],
  ['volume create v1', ['volume create']],
  ['create --name e1 --network n1 -v v1:/v -v /anon bayplan/hello true', ['volume create', 'container create e1']],
  ['start -a e1', ['container attach e1', 'volume mount /v', 'volume mount /anon', 'network connect n1', 'container start e1', 'network disconnect n1', 'volume unmount', 'volume unmount', 'container die e1 0']],
  ['rm -v e1', ['volume destroy', 'container destroy e1']],
  ['run -d --name e2 bayplan/hello sh -c {trap "exit 3" TERM; while :; do sleep 0.05; done}', ['container create e2', 'network connect bridge', 'container start e2']],
  ['exec e2 sh -c {exit 4}', ['container exec_create: sh -c exit 4 e2', 'container exec_start: sh -c exit 4 e2', 'container exec_die e2 4']],
  ['top e2', ['container top e2']],
  ['pause e2', ['container pause e2']],
  ['unpause e2', ['container unpause e2']],
  ['rename e2 e3', ['container rename e3']],
  ['update --cpus 1 e3', ['container update e3']],
  ['network connect n1 e3', ['network connect n1']],
  ['network disconnect n1 e3', ['network disconnect n1']],
  ['cp e3:/etc/hosts FOLDER/hosts', ['container archive-path e3']],
  ['cp FOLDER/hosts e3:/tmp/hosts', ['container extract-to-dir e3']],
  ['export e3 -o FOLDER/all.tar', ['container export e3']],
  ['kill -s USR2 e3', ['container kill e3 signal 12']],
  ['exec e3 sleep 0.2', ['container exec_create: sleep 0.2 e3', 'container exec_start: sleep 0.2 e3', 'container exec_die e3 0']], // its trap is set by then
  ['stop e3', ['container kill e3 signal 15', 'network disconnect bridge', 'container die e3 3', 'container stop e3']],
  ['restart e3', ['network connect bridge', 'container start e3', 'container restart e3']],
  ['rm -f e3', ['container kill e3 signal 9', 'network disconnect bridge', 'container die e3 137', 'container destroy e3']],
  ['network rm n1', ['network destroy n1']],
  ['volume rm v1', ['volume destroy']],
  ['container prune -f', ['container prune']],
  ['network prune -f', ['network prune']],
  ['volume prune -f', ['volume prune']],
  ['image prune -f', ['image prune']],
];

describe.skipIf(why !== '')(`docker events${why}`, () => {
  const machine = new DockerMachine();
  const file = (name: string): string => join(machine.machine.folder, name);
  const run = async (command: string): Promise<string> => {
    const { status, out, err } = await machine.docker([...command.matchAll(/\{([^{}]*)\}|(\S+)/g)].map(([, quoted, word]) => (quoted ?? word ?? '').replace('FOLDER', machine.machine.folder)));
    if (status !== 0 && !command.includes(`{exit ${status}}`)) throw new Error(`docker ${command}: ${err}`);
    return out;
  };
  let since = '';
  let format = '';
  const told = async (...filters: readonly string[]): Promise<readonly string[]> => {
    const { out } = await machine.docker(['events', '--since', since, '--until', (Date.now() / 1000).toFixed(3), '--format', format, ...filters.flatMap((filter) => ['--filter', filter])]);
    return out.trimEnd().split('\n').map((line) => line.replace(/sha256:[0-9a-f]{64}/, 'ID').replace(/ +/g, ' ').trim());
  };

  beforeAll(async () => {
    await machine.open();
    const of = (name: string): string => `{{with index .Actor.Attributes "${name}"}}{{.}} {{end}}`;
    format = `{{.Type}} {{.Action}} ${of('name')}${of('destination')}${of('exitCode')}{{with index .Actor.Attributes "signal"}}signal {{.}}{{end}}`;
    writeFileSync(file('hosts'), '');
    await run('run --rm bayplan/hello true'); // makes the default network
    since = (Date.now() / 1000).toFixed(3);
  });
  afterAll(() => machine.dispose());

  test('all that is done is told, in Docker\'s order', async () => {
    for (const [command] of DONE) await run(command);
    expect(await told()).toEqual(DONE.flatMap(([, events]) => events));
  });

  test('filters, and the fields of each', async () => {
    expect(await told('type=network', 'event=create')).toEqual(['network create n1']);
    expect(await told('container=e3', 'event=stop', 'event=restart')).toEqual(['container stop e3', 'container restart e3']);
    expect(await told('event=exec_die')).toEqual(['container exec_die e2 4', 'container exec_die e3 0']);
    expect(await told('volume=v1')).toEqual(['volume create', 'volume mount /v', 'volume unmount', 'volume destroy']);
    expect(await told('image=t:1')).toEqual(['image tag t:1']);
    expect(await told('image=t')).toEqual(['image tag t:1']);
    const all = await told('event=rename');
    for (const from of [['--since', '0'], []]) expect((await machine.docker(['events', ...from, '--until', (Date.now() / 1000).toFixed(3), '--filter', 'event=rename', '--format', '{{.Type}} {{.Action}} e3'])).out.trimEnd().split('\n'), String(from)).toEqual(all);
    expect(await told('type=nothing')).toEqual(['']);
    const { out } = await machine.docker(['events', '--since', since, '--until', (Date.now() / 1000).toFixed(3), '--filter', 'event=rename', '--format', '{{json .}}']);
    expect(JSON.parse(out)).toMatchObject({ status: 'rename', Type: 'container', Action: 'rename', scope: 'local', Actor: { Attributes: { image: 'bayplan/hello', name: 'e3', oldName: '/e2' } } });
  });

  test('health is told, and what happens while somebody listens', async () => {
    const { heard, end } = machine.listen(['events', '--since', (Date.now() / 1000).toFixed(3), '--filter', 'container=sick', '--format', '{{.Action}}']);
    try {
      await run('run -d --name sick --health-cmd {test -e /well} --health-interval 100ms --health-retries 1 bayplan/hello sleep 1000');
      await expect.poll(heard, { timeout: 20_000 }).toMatch(/^create\nstart\n(?:.*\n)*?health_status: unhealthy\n/);
      expect(heard()).not.toContain('health_status: healthy');
      await run('exec sick touch /well'); // a look may see that before the command's end is told
      await expect.poll(heard, { timeout: 20_000 }).toMatch(/health_status: unhealthy\n(?=(?:.*\n)*exec_die\n)(?=(?:.*\n)*health_status: healthy\n)/);
    } finally {
      await end();
    }
  });
});
