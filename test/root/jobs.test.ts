import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { JobAnswer, JobRun } from '../../src/state/job.ts';
import { USUAL_PASS } from '../../src/state/pass-options.ts';
import { bayplan, eventually, gather, type Outcome } from './harness.ts';
import { interrupted, runningContainers } from './interrupted.ts';
import { machineForAll } from './machine-of-tests.ts';

// Services on schedules: one container a run, and no slot twice.
const machine = machineForAll({ downAfterEach: true });

const stack = (command: string, own: string, more = ''): string => `
services:
  tidy: { image: bayplan/hello, command: [sh, -c, ${JSON.stringify(command.replaceAll('$', '$$$$'))}], stop_signal: SIGKILL, volumes: ["notes:/notes"], x-bayplan: { ${own} }${more} }
  web: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL }
volumes: { notes: }
`;
const job = async (): Promise<JobAnswer> => (await machine.engine.jobs('demo')).find(({ service }) => service === 'tidy')!;
const ended = async (count: number): Promise<readonly JobRun[]> => await eventually(async () => {
  const runs = (await job()).runs.filter(({ finishedAt }) => finishedAt > 0);
  expect(runs.length).toBeGreaterThanOrEqual(count);
  return [...runs].reverse();
}, 30_000);
const written = (): string[] => readFileSync(join(machine.paths.volumes, 'demo_notes/_data/runs'), 'utf8').split('\n').slice(0, -1);
const second = (): number => Math.floor(Date.now() / 1000);
const NEVER = 'schedule: "0 0 1 1 *"';

it('a schedule that a person has stopped is held, over an engine\'s end too, and counts on once it is started', async () => {
  const operate = (verb: 'stop' | 'start'): Promise<Outcome> => gather((onEvent) => machine.engine.operate('demo', { version: 1, verb, services: ['tidy'], timeoutSeconds: null, signal: 'SIGKILL', dependencies: true, wait: false, stop: false, oneOffs: false, volumes: 'none', from: null }, onEvent, new AbortController().signal));
  expect(await machine.up(stack('echo x >>/notes/runs; sleep 1000', 'schedule: "* * * * * *", retries: 5'))).toMatchObject({ ok: true });
  await eventually(async () => expect(await job()).toMatchObject({ phase: 'running', held: false }));
  await eventually(() => expect(written()).toHaveLength(1));
  expect(await operate('stop')).toMatchObject({ ok: true, events: expect.arrayContaining([expect.objectContaining({ type: 'plan', plan: expect.objectContaining({ notes: expect.arrayContaining(['service tidy runs no more on its schedule, until "start" or "up"']) }) })]) });
  await eventually(async () => expect(await job()).toMatchObject({ phase: 'idle', held: true, next: null, runs: [{ exitCode: 137 }] }));
  await machine.close();
  await machine.open();
  expect(await job()).toMatchObject({ phase: 'idle', held: true });
  const until = second() + 2;
  await eventually(() => expect(second()).toBeGreaterThan(until));
  expect([written().length, (await job()).runs.length]).toEqual([1, 1]);
  const started = Date.now();
  expect(await operate('start')).toMatchObject({ ok: true, events: expect.arrayContaining([expect.objectContaining({ type: 'plan', plan: expect.objectContaining({ notes: expect.arrayContaining(['service tidy runs on its schedule again']) }) })]) });
  await eventually(async () => expect(await job()).toMatchObject({ phase: 'running', held: false }));
  expect((await job()).runs[0]?.slot).toBeGreaterThanOrEqual(Math.floor(started / 1000) * 1000);
  expect(await operate('stop')).toMatchObject({ ok: true });
  expect(await machine.up(stack('echo x >>/notes/runs; sleep 1000', 'schedule: "* * * * * *", retries: 5'))).toMatchObject({ ok: true });
  expect(await job()).toMatchObject({ held: false });
});

it('a run for each slot, with a container, output and exit code of its own; so many are kept', async () => {
  expect(await machine.up(stack('echo run $(hostname); echo $(hostname) >>/notes/runs; exit 3', 'schedule: "* * * * * *", history: 2'))).toMatchObject({ ok: true });
  const plan = await machine.engine.planStack('demo', machine.request(stack('echo run $(hostname); echo $(hostname) >>/notes/runs; exit 3', 'schedule: "* * * * * *", history: 2')));
  expect(plan.plan.steps).toEqual([]); // settled, whether one runs or not
  const runs = await eventually(async () => {
    const found = (await job()).runs.filter(({ finishedAt }) => finishedAt > 0);
    expect(found[0]?.run).toBeGreaterThan(3);
    expect(found).toHaveLength(2);
    return found;
  }, 30_000);
  for (const { slot, exitCode, attempt, container } of runs) {
    expect([(slot ?? 1) % 1000, exitCode, attempt]).toEqual([0, 3, 1]);
    expect(await machine.output(container)).toMatch(/^run [0-9a-f]{12}\n$/);
  }
  const kept = [...machine.engine.containers.list().keys()].filter((name) => name.startsWith('demo-tidy-job-'));
  expect(kept.length).toBeLessThanOrEqual(4); // two, one that runs, and one that is about to go
  expect(new Set(written()).size).toBe(written().length);
});

it('a schedule that cannot be kept is refused, whoever sends it', async () => {
  const request = machine.request(stack('true', NEVER));
  const { tidy } = request.desired.services;
  const broken = { ...request, desired: { ...request.desired, services: { tidy: { ...tidy!, job: { ...tidy!.job!, schedule: 'nonsense' } } } } };
  await expect(machine.engine.planStack('demo', broken)).rejects.toThrow('service "tidy": schedule "nonsense"');
});

it('a run that is to be stopped while it begins does not go on', async () => {
  const slow = `
services:
  tidy: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, depends_on: { ready: { condition: service_healthy } }, x-bayplan: { ${NEVER}, timeout: 300ms } }
  ready: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, healthcheck: { test: [CMD, test, -e, /ready], interval: 100ms, start_period: 1h } }
`;
  const up = machine.up(slow);
  await eventually(() => expect(machine.engine.container('demo-ready-1').status?.phase).toBe('running'));
  await up;
  await machine.engine.runJob('demo', 'tidy');
  const [run] = await ended(1);
  expect(run).toMatchObject({ exitCode: 125, error: 'it took longer than its timeout of 0.3 s' });
  expect((await machine.exec('demo-ready-1', 'touch', '/ready')).code).toBe(0);
  await eventually(() => expect(machine.engine.container('demo-ready-1').status?.health).toBe('healthy'));
  expect(machine.engine.containers.list().get('demo-tidy-job-1')?.status?.phase).not.toBe('running');
});

it('overlap: replace takes the place of a run that waits for what it depends on', async () => {
  const text = `
services:
  tidy: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, depends_on: { ready: { condition: service_healthy } }, x-bayplan: { ${NEVER}, overlap: replace } }
  ready: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, healthcheck: { test: [CMD, test, -e, /ready], interval: 100ms, start_period: 1h } }
`;
  await machine.up(text);
  expect((await machine.engine.runJob('demo', 'tidy')).run?.run).toBe(1);
  expect((await machine.engine.runJob('demo', 'tidy')).run).toBe(null);
  expect((await ended(1))[0]).toMatchObject({ run: 1, exitCode: 125, error: 'it was stopped before it had begun' });
  expect(await job()).toMatchObject({ phase: 'running', waiting: 0, runs: [{ run: 2, startedAt: 0 }, { run: 1 }] });
  expect((await machine.exec('demo-ready-1', 'touch', '/ready')).code).toBe(0);
  await eventually(() => expect(machine.engine.container('demo-tidy-job-2').status?.phase).toBe('running'));
  expect(machine.engine.containers.list().get('demo-tidy-job-1')).toBe(undefined);
});

it('overlap: replace ends a run with every slot, and every one is run while those that are too old go', async () => {
  expect(await machine.up(stack('date +%s >>/notes/runs; sleep 1000', 'schedule: "* * * * * *", overlap: replace, history: 1'))).toMatchObject({ ok: true });
  await eventually(async () => expect((await job()).runs[0]?.run).toBeGreaterThan(5), 30_000);
  expect((await job()).runs.filter(({ error }) => error !== '')).toEqual([]);
  expect(machine.reports).toEqual([]);
  const runs = written();
  expect(runs.length).toBeGreaterThan(2);
  expect(new Set(runs).size).toBe(runs.length);
});

it('a service that comes back runs for no slot of when it was not there', async () => {
  const text = stack('true', 'schedule: "* * * * * *", history: 50');
  await machine.up(text);
  await ended(1);
  expect(await machine.up('services: { web: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL } }')).toMatchObject({ ok: true });
  const left = second();
  await machine.close(); // another engine knows it too
  await machine.open();
  await eventually(() => expect(second()).toBeGreaterThan(left + 1));
  const back = Date.now();
  await machine.up(text);
  await machine.close();
  await machine.open();
  const since = await eventually(async () => {
    const runs = (await job()).runs.filter(({ startedAt }) => startedAt >= back);
    expect(runs.length).toBeGreaterThan(0);
    return runs;
  });
  for (const { slot } of since) expect(slot).toBeGreaterThanOrEqual(back);
}, 60_000);

it('a run that begins while its stack goes down leaves nothing behind', async () => {
  const of = (names: Iterable<string>): string[] => [...names].filter((name) => name.startsWith('demo'));
  const left = (): string[][] => [of(machine.engine.containers.list().keys()), of(machine.engine.networks.list().keys()), of(machine.engine.volumes.list().keys())];
  for (let time = 0; time < 3; time++) {
    await machine.up(`
services:
  tidy: { image: bayplan/hello, command: ["true"], volumes: ["notes:/notes"], depends_on: { gate: { condition: service_completed_successfully } }, x-bayplan: { ${NEVER} } }
  gate: { image: bayplan/hello, command: [sh, -c, "trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done"], volumes: ["notes:/notes"] }
volumes: { notes: }
`);
    await eventually(async () => expect(await machine.output('demo-gate-1')).toBe('ready\n'));
    await machine.engine.runJob('demo', 'tidy');
    expect(await machine.down({ volumes: true })).toMatchObject({ ok: true }); // the end of its gate lets the run begin
    expect(left()).toEqual([[], [], []]);
    await machine.up('services: { web: { image: bayplan/hello, command: ["true"] } }'); // whatever was on its way has its turn before
    await machine.down({ volumes: true });
    expect(left()).toEqual([[], [], []]);
  }
});

it('a run whose begin cannot be written down has not begun; an end that cannot be is, once it can', async () => {
  await machine.up(stack('sleep 1000', NEVER));
  const record = join(machine.paths.stacks, 'demo/jobs.json');
  const whether = (writable: boolean): void => {
    if (writable) return rmdirSync(record);
    rmSync(record);
    mkdirSync(record); // nothing can be renamed to it
  };
  await eventually(() => expect(JSON.parse(readFileSync(record, 'utf8'))).toMatchObject({ services: { tidy: { last: 0 } } }));
  whether(false);
  await expect(machine.engine.runJob('demo', 'tidy')).rejects.toThrow('EISDIR');
  expect(await job()).toMatchObject({ phase: 'idle', runs: [] });
  whether(true);
  const { run } = await machine.engine.runJob('demo', 'tidy');
  await eventually(async () => expect((await job()).runs[0]?.startedAt).toBeGreaterThan(0));
  whether(false);
  await machine.engine.stopContainer(run?.container ?? '', 'SIGKILL', 0);
  await eventually(() => expect(machine.reports.join('\n')).toContain('the end of demo-tidy-job-1 could not be written down: EISDIR'));
  expect(await job()).toMatchObject({ phase: 'running' });
  whether(true);
  expect(await ended(1)).toMatchObject([{ run: 1, exitCode: 137 }]);
  expect(await job()).toMatchObject({ phase: 'idle' });
});

it('a record of runs that cannot be read keeps its services from running, and says so, until it is removed', async () => {
  await machine.up(stack('true', NEVER));
  await machine.engine.runJob('demo', 'tidy');
  await ended(1);
  await machine.close();
  const record = join(machine.paths.stacks, 'demo/jobs.json');
  writeFileSync(record, '{');
  await machine.open();
  expect(machine.reports).toEqual([expect.stringContaining(`${record}: this record is damaged (it is not JSON); remove it`)]);
  await expect(machine.engine.runJob('demo', 'tidy')).rejects.toThrow('this record is damaged');
  await machine.down({ volumes: true });
  await machine.up(stack('true', NEVER));
  expect((await machine.engine.runJob('demo', 'tidy')).run?.run).toBe(1);
  expect(await ended(1)).toMatchObject([{ run: 1, exitCode: 0 }]);
});

it('a run that fails is tried again, and one that takes too long has failed', async () => {
  const retried = stack('test -e /notes/once && exit 0; touch /notes/once; exit 1', `${NEVER}, retries: 2`);
  await machine.up(retried);
  await machine.engine.runJob('demo', 'tidy');
  expect((await ended(2)).map(({ attempt, exitCode, slot }) => [attempt, exitCode, slot])).toEqual([[1, 1, null], [2, 0, null]]);
  expect((await job()).phase).toBe('idle');
  await machine.up(stack('sleep 1000', `${NEVER}, timeout: 300ms`));
  await machine.engine.runJob('demo', 'tidy');
  expect((await ended(3)).at(-1)).toMatchObject({ exitCode: 137, error: 'it took longer than its timeout of 0.3 s' });
});

it.each([
  ['skip', ['137'], /is being run already: wait for its end, or let the file say overlap: queue/],
  ['queue', ['137', '137'], null],
  ['replace', ['137', '137'], null],
])('overlap: %s', async (overlap, codes, refused) => {
  await machine.up(stack('sleep 1000', `${NEVER}, overlap: ${overlap}`));
  const { run } = await machine.engine.runJob('demo', 'tidy');
  await eventually(() => expect(machine.engine.container(run?.container ?? '').status?.phase).toBe('running'));
  const second = machine.engine.runJob('demo', 'tidy');
  if (refused !== null) await expect(second).rejects.toThrow(refused);
  else expect(await second).toEqual({ version: 1, run: null });
  if (overlap === 'queue') {
    expect(await job()).toMatchObject({ phase: 'running', waiting: 1 });
    await machine.engine.stopContainer(run?.container ?? '', 'SIGKILL', 0);
  }
  for (let at = 1; at < codes.length; at++) await eventually(() => expect(machine.engine.container(`demo-tidy-job-${at + 1}`).status?.phase).toBe('running'));
  await machine.engine.stopContainer(`demo-tidy-job-${codes.length}`, 'SIGKILL', 0);
  expect((await ended(codes.length)).map(({ exitCode }) => String(exitCode))).toEqual(codes);
});

it.each(['queue', 'replace'])('overlap: %s goes on under the next engine: what waits, and a run that is being stopped for it', async (overlap) => {
  await machine.up(stack('trap "" TERM; while :; do sleep 0.05; done', `${NEVER}, overlap: ${overlap}`, ', stop_grace_period: 1s').replace('stop_signal: SIGKILL, volumes', 'stop_signal: SIGTERM, volumes'));
  await machine.engine.runJob('demo', 'tidy');
  await eventually(() => expect(machine.engine.container('demo-tidy-job-1').status?.phase).toBe('running'));
  expect(await machine.engine.runJob('demo', 'tidy')).toEqual({ version: 1, run: null });
  expect(await job()).toMatchObject({ phase: overlap === 'queue' ? 'running' : 'stopping', waiting: 1 });
  await machine.close();
  await machine.open();
  expect(await job()).toMatchObject({ waiting: 1, runs: [{ run: 1, finishedAt: 0 }] });
  if (overlap === 'queue') await machine.engine.stopContainer('demo-tidy-job-1', 'SIGKILL', 0);
  await eventually(() => expect(machine.engine.container('demo-tidy-job-2').status?.phase).toBe('running'));
  expect(await job()).toMatchObject({ phase: 'running', waiting: 0, runs: [{ run: 2, attempt: 1 }, { run: 1, exitCode: 137 }] });
});

it('an engine that is killed in the middle of a run is followed by one that goes on with it; slots that were missed are run once, late', async () => {
  const text = stack('echo $(hostname) >>/notes/runs; sleep 3', 'schedule: "* * * * * *", overlap: skip, history: 50');
  await machine.up(text);
  await eventually(() => expect(written()).toHaveLength(1), 30_000);
  const { pid } = machine.engine.container('demo-tidy-job-1').status ?? {};
  await machine.close();
  expect(await interrupted(machine, 'idle', { afterMs: 500 })).toMatchObject({ killed: true });
  const killed = second();
  await eventually(() => { // its end, and two slots or more, while there is no engine
    expect([...runningContainers(machine.paths).keys()].filter((name) => name.includes('-job-'))).toEqual([]);
    expect(second()).toBeGreaterThan(killed + 2);
  });
  const before = Date.now();
  await machine.open();
  const runs = await ended(2);
  expect(runs[0]).toMatchObject({ run: 1, exitCode: 0, error: '' });
  expect(pid).toBeGreaterThan(0);
  const late = runs.find(({ startedAt }) => startedAt >= before);
  expect(late?.slot).toBeLessThanOrEqual(late?.startedAt ?? 0);
  const slots = (await job()).runs.map(({ slot }) => slot);
  expect(new Set(slots).size).toBe(slots.length);
  expect(new Set(written()).size).toBe(written().length);
}, 60_000);

it('an engine that is killed at any moment never runs a slot twice, and leaves none that was begun', async () => {
  await machine.up(stack('echo $(hostname) >>/notes/runs', 'schedule: "* * * * * *", history: 100'));
  for (let time = 0; time < 5; time++) {
    await machine.close();
    await interrupted(machine, 'idle', { afterMs: 900 + 231 * time });
    await machine.open();
  }
  const last = (await job()).runs[0]?.run ?? 0;
  const runs = await ended(last + 1);
  const slots = runs.map(({ slot }) => slot);
  expect(new Set(slots).size).toBe(slots.length);
  expect([...slots].sort()).toEqual(slots);
  for (const { exitCode, error } of runs) expect([exitCode, error]).toEqual([0, '']);
  expect(runs.map(({ run }) => run)).toEqual(runs.map((_, at) => at + 1));
  await eventually(async () => expect(written().length).toBe((await job()).runs.length)); // each has run, and once
}, 60_000);

it('a run that a power cut ends has failed, and does not begin again for its slot, also where nothing but its record came onto the disk', async () => {
  await machine.up(stack('echo $(hostname) >>/notes/runs; sleep 1000', `${NEVER}, history: 10`));
  for (const durable of [true, false]) {
    const { run } = await machine.engine.runJob('demo', 'tidy');
    await eventually(async () => expect((await job()).runs[0]?.startedAt).toBeGreaterThan(0));
    await eventually(() => expect(written()).toHaveLength(run?.run ?? 0));
    const { status } = machine.engine.container(run?.container ?? '');
    await machine.close();
    await machine.cutPower();
    if (!durable) for (const left of ['log', 'exit']) rmSync(join(machine.paths.containers, status?.id ?? '', left), { force: true }); // not written back yet
    await machine.open();
    const runs = await ended(run?.run ?? 0);
    expect(runs.at(-1)).toMatchObject({ run: run?.run, exitCode: 137, error: 'it was lost with the machine, or its process beside it was killed' });
  }
  expect(await job()).toMatchObject({ phase: 'idle' });
  expect(written()).toHaveLength(2);
});

it('from the command line: jobs, jobs run, jobs logs', async () => {
  await machine.up(stack('echo hello from $(hostname); exit 4', `${NEVER}, timezone: Europe/Berlin`));
  await machine.close();
  const own = (...args: readonly string[]): ReturnType<typeof bayplan> => bayplan(['--root', machine.root, '-p', 'demo', 'jobs', ...args], { cwd: machine.folder });
  try {
    expect((await own()).stdout).toMatch(/^SERVICE +SCHEDULE +NEXT +STATE +LAST RUN +RUN +EXIT\ntidy +0 0 1 1 \* \(Europe\/Berlin\) +\d{4}-12-31T23:00:00Z +idle\n$/);
    expect(await own('run', 'tidy')).toMatchObject({ code: 4, stdout: expect.stringMatching(/^hello from [0-9a-f]{12}\n$/), stderr: '' });
    expect((await own()).stdout).toMatch(/ idle +\d{4}-\d\d-\d\dT[\d:]+Z +1 \(by hand\) +4\n$/);
    expect(await own('run', '-d', 'tidy')).toMatchObject({ code: 0, stdout: 'demo-tidy-job-2\n' });
    expect((await own('logs', 'tidy', '1')).stdout).toMatch(/^hello from [0-9a-f]{12}\n$/);
    expect(await own('logs', 'tidy', '9')).toMatchObject({ code: 1, stderr: 'bayplan: service "tidy" has no run 9; kept are 2, 1\n' });
    expect(await own('run', 'web')).toMatchObject({ code: 1, stderr: 'bayplan: service "web" has no schedule; those that have one: tidy\n' });
    expect(JSON.parse((await own('--format', 'json')).stdout)).toMatchObject([{ service: 'tidy', phase: 'idle', job: { overlap: 'skip' } }]);
  } finally {
    await bayplan(['--root', machine.root, 'engine', 'stop']);
    await machine.open();
  }
}, 60_000);

it('a service that ends by itself has done its work: it runs again only where it has changed', async () => {
  const once = (text: string, label = ''): string => `
services:
  migrate: { image: bayplan/hello, command: [sh, -c, "echo ${text} >>/notes/runs"], volumes: ["notes:/notes"] }
  web: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL, labels: { at: "${label}" }, depends_on: { migrate: { condition: service_completed_successfully } } }
volumes: { notes: }
`;
  expect(await machine.up(once('one'), { wait: true })).toMatchObject({ ok: true });
  expect((await machine.up(once('one'))).done).toEqual([]);
  expect(await machine.up(once('one', 'other'), { wait: true })).toMatchObject({ ok: true });
  await machine.close();
  await machine.open();
  expect((await machine.up(once('one', 'other'))).done.filter((id) => id.includes('migrate'))).toEqual([]);
  expect(written()).toEqual(['one']);
  expect(await machine.up(once('two', 'other'), { wait: true })).toMatchObject({ ok: true });
  expect(written()).toEqual(['one', 'two']);
});

it('whoever waits for a service is told nothing of another that has failed', async () => {
  const text = `
services:
  fails: { image: bayplan/hello, command: [sh, -c, "exit 3"] }
  web: { image: bayplan/hello, command: [sleep, "1000"], stop_signal: SIGKILL }
`;
  expect(await machine.up(text, { wait: true })).toMatchObject({ ok: false, message: 'container demo-fails-1 ended with code 3; see its logs' });
  const waited = async (only: string[] | null): Promise<boolean> => {
    const request = { ...machine.request(text), options: { ...USUAL_PASS, only } };
    return (await gather((onEvent) => machine.engine.applyStack('demo', request, { wait: true }, onEvent, new AbortController().signal))).ok;
  };
  expect([await waited(['web']), await waited(['fails']), await waited(null)]).toEqual([true, false, false]);
});
