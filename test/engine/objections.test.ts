import { expect, it } from 'vitest';
import { objections } from '../../src/engine/objections.ts';
import { desiredOf, loadStack } from '../../src/stack/index.ts';
import { Container, type ContainerStatus } from '../../src/state/container.ts';
import type { Plan } from '../../src/state/plan.ts';

const MACHINE = { mayRaise: false, oomScoreAdj: 0, cgroupV2: false, processors: '0-1,4', memoryNodes: '0' };
const NETWORKS = { spec: () => null, checkPorts: () => Promise.resolve() };

function specOf(keys: string): Container['spec'] {
  const { project, mistakes } = loadStack({ files: ['/s/compose.yaml'], workingDir: '/s', projectName: 'demo', environment: {}, profiles: [], envFiles: null, read: (path) => (path === '/s/compose.yaml' ? `services: {one: {image: a, network_mode: none${keys}}}` : null) });
  expect(mistakes).toEqual([]);
  return desiredOf(project!, { removeOrphans: false }).services['one']!.template;
}

function container(spec: Container['spec'], changes: Partial<ContainerStatus> & { readonly stack?: string } = {}): Container {
  const { stack = 'demo', ...rest } = changes;
  const status = { id: 'a'.repeat(64), phase: 'running', pid: 1, exitCode: 0, oomKilled: false, error: '', createdAt: 1, startedAt: 1, finishedAt: 0, health: 'none', healthOutput: '', restarts: 0, restartAt: 0, held: false, addresses: {}, anonymousVolumes: {}, ports: [], ...rest };
  return Container.parse({ identity: { owner: 'stack', stack, service: 'one', slot: 1, generation: 1 }, spec, status });
}

/** A container of the service is made anew, where one of it runs. */
function anew(keys: string, name = 'demo-one-1'): Plan {
  const { identity } = container(specOf(''));
  return { notes: [], wakeAt: null, steps: [
    { id: 'remove-container demo-one-1', action: 'remove-container', args: { name: 'demo-one-1' }, needs: [], why: '' },
    { id: `create-container ${name}`, action: 'create-container', args: { name, identity, spec: specOf(keys) }, needs: [], why: '' },
  ] };
}

const told = async (made: Plan, others: Readonly<Record<string, Container>> = {}): Promise<readonly string[]> =>
  await objections({ containers: { list: () => new Map(Object.entries({ 'demo-one-1': container(specOf('')), ...others })) }, networks: NETWORKS, machine: MACHINE }, made);

it.each([
  ['cpuset: "0-1,4"', null],
  ['cpuset: "3"', 'cpuset "3": this machine has the processors 0-1,4, and no 3'],
  ['ulimits: {nofile: -1}', 'RLIMIT_NOFILE cannot be set to -1:-1: the engine itself may not raise it above its own hard limit (CAP_SYS_RESOURCE, fs.nr_open)'],
  ['ulimits: {nofile: 64}', null],
  ['pid: "container:nowhere"', 'container nowhere, whose namespaces it shares, is not there; bring it up first'],
  ['ipc: "container:other-one-1"', null],
  ['devices: [/dev/no-such]', 'devices: there is no /dev/no-such on this machine'],
  ['devices: [/dev/null]', null],
  ['sysctls: {kernel.msgmax: 1, net.core.no_such: 1}', 'sysctl net.core.no_such: this kernel has none of that name'],
])('what runs is not given up for one with %s', async (keys, problem) => {
  expect(await told(anew(`, ${keys}`), { 'other-one-1': container(specOf(''), { id: 'b'.repeat(64), stack: 'other' }) })).toEqual(problem === null ? [] : [`create-container demo-one-1: ${problem}`]);
});

it('a name that another stack has is known before, and one that leaves its place is free', async () => {
  const other = { 'other-one-1': container(specOf(''), { id: 'b'.repeat(64), stack: 'other' }) };
  expect(await told(anew('', 'other-one-1'), other)).toEqual(['create-container other-one-1: the name other-one-1 is in use by a container of stack other, service one: remove that, or choose another name']);
  expect(await told(anew(''), other)).toEqual([]);
});

it('what may yet come by what starts before is looked for by the start, where nothing is given up for it', async () => {
  const { steps } = anew(', devices: [/dev/no-such]');
  expect(await objections({ containers: { list: () => new Map() }, networks: NETWORKS, machine: MACHINE }, { notes: [], wakeAt: null, steps: steps.slice(1) })).toEqual([]);
});

it('limits that this machine cannot hold are told of the start of one that is there, and of a change of it; not of its end', async () => {
  const world = { containers: { list: () => new Map([['demo-one-1', container(specOf(', cpuset: "3"'))]]) }, networks: NETWORKS, machine: MACHINE };
  const problem = 'cpuset "3": this machine has the processors 0-1,4, and no 3';
  const name = 'demo-one-1';
  const start = { id: 'start-container demo-one-1', action: 'start-container', args: { name }, needs: [], why: '' } as const;
  const made = (...steps: Plan['steps']): Plan => ({ notes: [], wakeAt: null, steps });
  expect(await objections(world, made(start))).toEqual([`start-container demo-one-1: ${problem}`]);
  expect(await objections(world, made({ id: 'update-container demo-one-1', action: 'update-container', args: { name, changes: { stopSignal: 'SIGINT' } }, needs: [], why: '' }))).toEqual([`update-container demo-one-1: ${problem}`]);
  expect(await objections(world, made({ id: 'update-container demo-one-1', action: 'update-container', args: { name, changes: { resources: specOf('').resources } }, needs: [], why: '' }))).toEqual([]);
  expect(await objections(world, made({ id: 'stop-container demo-one-1', action: 'stop-container', args: { name, signal: null, graceMs: 0 }, needs: [], why: '' }))).toEqual([]);
  expect(await objections(world, made(...anew('').steps, start))).toEqual([]); // one that is made anew is another
});
