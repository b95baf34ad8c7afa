import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { printPlan } from '../../src/plan/print.ts';
import { eventually, gather, Machine } from './harness.ts';
import { interrupted, recordText, runningContainers } from './interrupted.ts';

// Configs and secrets that take the place of others while the container runs, where the file says what is to follow.
const machine = new Machine();
const NAME = 'demo-web-1';
const TOLD = "trap 'cat /rules /run/secrets/token >> /tmp/seen; echo told >> /tmp/seen' HUP; touch /tmp/ready; while :; do sleep 0.05; done";

interface Held { readonly rules?: string; readonly token?: string; readonly exec?: string; readonly more?: string }
const stack = ({ rules = 'rules 1', token = 'token 1', exec = 'true', more = '' }: Held): string => `
services:
  web:
    image: bayplan/hello
    init: true
    command: ["sh", "-c", "${TOLD}"]
    stop_signal: SIGKILL
    read_only: true
    tmpfs: [/tmp]
    ${more}
    configs: [{ source: rules, target: /rules, uid: "7", gid: "8", mode: 0440 }, { source: hooked, target: /etc/hooked, x-bayplan: { on_change: { exec: [sh, -c, "cp /etc/hooked /tmp/hooked; ${exec}"] } } }]
    secrets: [token]
    x-bayplan: { on_change: { signal: SIGHUP } }
configs: { rules: { content: "${rules}\\n" }, hooked: { content: "for ${rules}\\n" } }
secrets: { token: { file: ./token-${token.replace(' ', '-')} } }
`;

async function planOf(text: string): Promise<string> {
  return printPlan((await machine.engine.planStack('demo', machine.request(text))).plan);
}
const inside = async (script: string): Promise<string> => (await machine.exec(NAME, 'sh', '-c', script)).output;
const pid = (): number | undefined => machine.engine.container(NAME).status?.pid;
let first: number | undefined;
let id = '';

beforeAll(async () => {
  for (const number of [1, 2]) writeFileSync(`${machine.folder}/token-token-${number}`, `token ${number}\n`);
  await machine.open();
  await machine.loadHello();
  expect(await machine.up(stack({}))).toMatchObject({ ok: true });
  await eventually(async () => expect(await inside('ls /tmp')).toBe('ready\n'));
  first = pid();
  id = machine.engine.container(NAME).status?.id ?? '';
});
afterAll(() => machine.dispose());

it('is replaced as a whole, with owner and mode, read-only, and then the signal comes', async () => {
  const to = stack({ rules: 'rules 2', token: 'token 2' });
  expect(await planOf(to)).toMatch(/^update-container demo-web-1 {2}\(in place: secret demo_token changed; config demo_rules changed; config demo_hooked changed\)$/m);
  expect(await machine.up(to)).toMatchObject({ ok: true, done: [`update-container ${NAME}`] });
  expect(pid()).toBe(first);
  expect(await inside('cat /rules /run/secrets/token /etc/hooked /tmp/hooked')).toBe('rules 2\ntoken 2\nfor rules 2\nfor rules 2\n');
  expect(await inside('stat -c "%a %u %g" /rules /run/secrets/token')).toBe('440 7 8\n444 0 0\n');
  await eventually(async () => expect(await inside('cat /tmp/seen')).toBe('rules 2\ntoken 2\ntold\n')); // once, and after both
  expect((await machine.exec(NAME, 'sh', '-c', 'echo x > /rules')).code).not.toBe(0);
  const mounts = readFileSync(`/proc/${pid() ?? 0}/mountinfo`, 'utf8').split('\n').filter((line) => line.includes(' /rules '));
  expect(mounts).toHaveLength(1); // the former one has gone, and with it its bytes
  expect(mounts[0]).toMatch(/ ro,nosuid,nodev\b.* - tmpfs /);
  expect((await machine.up(to)).done).toEqual([]);
});

it('whoever reads finds the one or the other, whole, at any moment', async () => {
  const reading = inside('i=0; while [ $i -lt 3000 ]; do read -r line < /rules || echo none; echo "$line"; i=$((i+1)); done | sort | uniq -c');
  for (let turn = 0; turn < 8; turn++) expect(await machine.up(stack({ rules: `rules ${turn % 2 === 0 ? 'a' : 'b'}` }))).toMatchObject({ ok: true });
  expect((await reading).trim().split('\n').map((line) => line.trim().replace(/^\d+ /, '')).filter((line) => !/^rules [2ab]$/.test(line))).toEqual([]);
  expect(pid()).toBe(first);
});

it('where what follows fails, the former one holds, and the reason is told', async () => {
  expect(await machine.up(stack({ rules: 'kept' }))).toMatchObject({ ok: true });
  const outcome = await machine.up(stack({ rules: 'bad', exec: 'echo cannot use it; exit 3' }));
  expect(outcome).toMatchObject({ ok: false });
  expect(outcome.message).toContain('container demo-web-1: its on_change "sh -c cp /etc/hooked /tmp/hooked; echo cannot use it; exit 3" ended with code 3: cannot use it');
  expect(await inside('cat /rules /etc/hooked')).toBe('kept\nfor kept\n');
  await eventually(async () => expect((await inside('grep -E "kept|bad" /tmp/seen')).trim().split('\n').slice(-1)).toEqual(['kept'])); // who had been signalled reads it again
  expect(machine.engine.container(NAME).spec.contents.map(({ onChange }) => onChange?.exec.at(-1) ?? '')).not.toContain(expect.stringContaining('cannot use it'));
  expect(await machine.up(stack({ rules: 'kept' }))).toMatchObject({ ok: true, done: [] });
});

it('a rollback swaps back in the same way', async () => {
  expect(await machine.up(stack({ rules: 'before' }))).toMatchObject({ ok: true });
  expect(await machine.up(stack({ rules: 'after' }))).toMatchObject({ ok: true });
  expect((await machine.engine.stackHistory('demo'))[0]?.changes).toEqual(expect.arrayContaining(['service web: config demo_rules changed']));
  const back = await gather((onEvent) => machine.engine.rollbackStack('demo', { version: 1, revision: null, from: null }, onEvent, new AbortController().signal));
  expect(back).toMatchObject({ ok: true, done: [`update-container ${NAME}`] });
  expect([await inside('cat /rules'), pid()]).toEqual(['before\n', first]);
});

it('an engine that is killed at any step of it is finished by the next one', async () => {
  const [from, to] = [stack({ rules: 'from' }), stack({ rules: 'to', token: 'token 2', more: 'mem_limit: 64m' })];
  expect(await machine.up(from)).toMatchObject({ ok: true });
  for (let atEvent = 1, killed = true, text = to; killed; atEvent++) {
    const request = machine.request(text);
    await machine.close();
    killed = (await interrupted(machine, request, { atEvent })).killed;
    expect(runningContainers(machine.paths).get(NAME)?.pid).toBe(first);
    await machine.open();
    expect(await machine.up(text)).toMatchObject({ ok: true });
    expect(await inside('cat /rules')).toBe(text === to ? 'to\n' : 'from\n');
    text = text === to ? from : to;
  }
  expect(machine.reports).toEqual([]);
}, 120_000);

it('what follows a change that was cut off holds up no other engine; what is asked of the stack waits for it', async () => {
  const to = stack({ rules: 'slow', exec: 'sleep 3; echo done >>/tmp/slow' });
  const request = machine.request(to);
  await machine.close();
  const isPending = (): boolean => runningContainers(machine.paths).has(NAME) && recordText(join(machine.paths.containers, id)).includes('"pending":{');
  expect((await interrupted(machine, request, { when: isPending })).killed).toBe(true);
  await machine.open();
  expect([machine.engine.busy('demo'), await inside('cat /tmp/slow')]).toEqual([true, expect.stringContaining('No such file')]);
  expect(await machine.up(to)).toMatchObject({ ok: true, done: [] });
  expect(await inside('cat /rules; tail -n 1 /tmp/slow')).toBe('slow\ndone\n');
  expect([machine.engine.busy('demo'), pid(), machine.reports]).toEqual([false, first, []]);
}, 60_000);

it('one that does not run gets it with its next start; one that is to be made anew for something else, then', async () => {
  await machine.engine.stopContainer(NAME, null, 0);
  expect((await machine.up(stack({ rules: 'while stopped' }))).done).toEqual(expect.arrayContaining([`update-container ${NAME}`, `start-container ${NAME}`]));
  await eventually(async () => expect(await inside('cat /rules')).toBe('while stopped\n'));
  const outcome = await machine.up(stack({ rules: 'anew', more: 'environment: { A: b }' }));
  expect(outcome.done).toContain(`create-container ${NAME}`);
  await eventually(async () => expect(await inside('cat /rules')).toBe('anew\n'));
});

it('in a user namespace the owner is the container\'s own', async () => {
  expect(await machine.up(stack({ rules: 'own', more: 'userns_mode: auto' }))).toMatchObject({ ok: true });
  const before = pid();
  expect((await machine.up(stack({ rules: 'own 2', more: 'userns_mode: auto' }))).done).toEqual([`update-container ${NAME}`]);
  expect([await inside('cat /rules; stat -c "%a %u %g" /rules'), pid()]).toEqual(['own 2\n440 7 8\n', before]);
  expect(readFileSync(`/proc/${before ?? 0}/uid_map`, 'utf8')).not.toMatch(/^\s*0\s+0\s/);
});

it('a config, secret or env file that changes, and a tag that is another image, are named in the plan', async () => {
  const file = (text: string): void => writeFileSync(`${machine.folder}/app.env`, text);
  const plain = (rules: string, image = 'app:1'): string => `services: { app: { image: "${image}", command: [sleep, "1000"], stop_signal: SIGKILL, env_file: app.env, configs: [rules], secrets: [token] } }\nconfigs: { rules: { content: "${rules}" } }\nsecrets: { token: { file: ./app.token } }\n`;
  file('A=1\n');
  writeFileSync(`${machine.folder}/app.token`, 'one');
  await machine.engine.images.tag('bayplan/hello', 'app:1');
  const up = async (text: string): Promise<unknown> => await machine.up(text, { name: 'plain' });
  const plan = async (text: string): Promise<string> => printPlan((await machine.engine.planStack('plain', machine.request(text, 'plain'))).plan).replace(/^note: .*\n/gm, '');
  expect(await up(plain('r1'))).toMatchObject({ ok: true });
  expect(await plan(plain('r1'))).toBe('');
  expect(await plan(plain('r2'))).toContain('create-container plain-app-1  (config plain_rules changed)');
  writeFileSync(`${machine.folder}/app.token`, 'two');
  expect(await plan(plain('r1'))).toContain('create-container plain-app-1  (secret plain_token changed)');
  writeFileSync(`${machine.folder}/app.token`, 'one');
  file('A=2\n');
  expect(await plan(plain('r1'))).toContain('create-container plain-app-1  (environment.A changed)');
  file('A=1\n');
  await machine.engine.commitContainer('plain-app-1', { reference: 'app:1', pause: false, author: '', message: '', changes: [] });
  expect(await plan(plain('r1'))).toMatch(/create-container plain-app-1 {2}\(image: app:1 was [0-9a-f]{12} and is [0-9a-f]{12} now\)/);
});
