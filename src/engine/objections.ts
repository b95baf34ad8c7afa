import { existsSync, readFileSync } from 'node:fs';
import { isAppArmorEnabled } from '../runtime/container/apparmor.ts';
import { devicesOf } from '../runtime/container/devices.ts';
import { ownerText } from '../runtime/container/owner-text.ts';
import type { Machine } from '../runtime/machine.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Container, ContainerSpec, Identity } from '../state/container.ts';
import type { Plan } from '../state/plan.ts';
import { containerOf, sharedWith } from '../state/shared-with.ts';
import { isAmong } from './find-container.ts';
import { takenPorts, type PortWorld } from './taken-ports.ts';

export interface ObjectionWorld extends PortWorld { readonly machine: Machine }

/** Why a plan cannot be carried out here, a line each, as far as it can be known before anything is changed: what runs now is not given up for what cannot run. */
export async function objections(world: ObjectionWorld, made: Plan): Promise<readonly string[]> {
  return [...await takenPorts(world, made), ...unable(world, made)];
}

function unable({ containers, machine }: ObjectionWorld, { steps }: Plan): readonly string[] {
  const all = containers.list();
  const coming = new Set(steps.flatMap(({ action, args }) => (action === 'create-container' ? [args.name] : [])));
  const leaving = new Set(steps.flatMap(({ action, args }) => (action === 'remove-container' || action === 'rename-container' ? [args.name] : [])));
  const isThere = (ref: string): boolean => coming.has(ref) || isAmong(ref, all);
  return steps.flatMap((step) => {
    const say = (problems: readonly string[]): readonly string[] => problems.map((problem) => `${step.id}: ${problem}`);
    if (step.action === 'create-container') {
      const { name, identity, spec } = step.args;
      return say([...(leaving.has(name) ? [] : nameProblems(name, all)), ...limitProblems(spec.resources, machine), ...lackProblems(spec, machine, isThere), ...(replacesRunning(identity, all) ? hostProblems(spec) : [])]);
    }
    const spec = all.get('name' in step.args ? step.args.name : '')?.spec;
    if (spec === undefined) return [];
    if (step.action === 'update-container') return say(limitProblems(step.args.changes.resources ?? spec.resources, machine));
    return step.action === 'start-container' && !coming.has(step.args.name) ? say(limitProblems(spec.resources, machine)) : [];
  });
}

function nameProblems(name: string, all: ReadonlyMap<string, Container>): readonly string[] {
  const holder = all.get(name)?.identity;
  if (holder === undefined) return [];
  return [`the name ${name} is in use by ${ownerText(holder)}: remove that, or choose another name`];
}

function limitProblems({ cpuset, cpusetMems }: ContainerSpec['resources'], { processors, memoryNodes }: Machine): readonly string[] {
  return [
    ...setProblem('cpuset', cpuset, 'processors', processors),
    ...setProblem('cpuset_mems', cpusetMems, 'memory nodes', memoryNodes),
  ];
}

/** `list`: as `0-2,7`, of what the machine has in `there`. */
function setProblem(key: string, list: string, things: string, there: string): readonly string[] {
  const had = numbersOf(there);
  const missing = had.size === 0 ? undefined : [...numbersOf(list)].find((number) => !had.has(number));
  return missing === undefined ? [] : [`${key} "${list}": this machine has the ${things} ${there}, and no ${missing}`];
}

/** As far as processors can count. */
function numbersOf(list: string): ReadonlySet<number> {
  return new Set(list.split(',').filter((part) => part !== '').flatMap((part) => {
    const [first = 0, last = first] = part.split('-').map(Number);
    return Array.from({ length: Math.min(last - first + 1, 100_000) }, (_, at) => first + at);
  }));
}

function lackProblems(spec: ContainerSpec, machine: Machine, isThere: (ref: string) => boolean): readonly string[] {
  const { apparmor } = spec.security;
  return [
    ...sharedWith(spec).filter((ref) => !isThere(ref)).map((ref) => `container ${ref}, whose ${ref === containerOf(spec.networkMode) ? 'network' : 'namespaces'} it shares, is not there; bring it up first`),
    ...spec.volumesFrom.filter(({ container }) => !isThere(container)).map(({ container }) => `container ${container}, whose volumes it shares, is not there; bring it up first`),
    ...ulimitProblems(spec.ulimits, machine),
    ...(apparmor !== '' && apparmor !== 'unconfined' && !spec.privileged && !isAppArmorEnabled() ? [`the AppArmor profile ${apparmor} cannot be applied: this kernel has no AppArmor, or it is not enabled`] : []),
  ];
}

/** A limit that is above the engine's own, which shims and containers have from it. */
function ulimitProblems(ulimits: ContainerSpec['ulimits'], { mayRaise }: Machine): readonly string[] {
  if (Object.keys(ulimits).length === 0) return [];
  const own = readFileSync('/proc/self/limits', 'utf8');
  const mostFiles = Number(readFileSync('/proc/sys/fs/nr_open', 'utf8'));
  return Object.entries(ulimits).flatMap(([name, { soft, hard }]) => {
    const most = mayRaise ? name === 'nofile' ? mostFiles : Infinity : ownLimit(own, name);
    const wanted = hard < 0 ? Infinity : hard;
    return wanted <= most ? [] : [`RLIMIT_${name.toUpperCase()} cannot be set to ${soft}:${hard}: the engine itself may not raise it above its own hard limit (CAP_SYS_RESOURCE, fs.nr_open)`];
  });
}

/** Lines of /proc/PID/limits, by name. */
const LIMIT_LINES: Readonly<Record<string, string>> = {
  as: 'Max address space', core: 'Max core file size', cpu: 'Max cpu time', data: 'Max data size', fsize: 'Max file size', locks: 'Max file locks', memlock: 'Max locked memory', msgqueue: 'Max msgqueue size',
  nice: 'Max nice priority', nofile: 'Max open files', nproc: 'Max processes', rss: 'Max resident set', rtprio: 'Max realtime priority', rttime: 'Max realtime timeout', sigpending: 'Max pending signals', stack: 'Max stack size',
};

function ownLimit(limits: string, name: string): number {
  const [, hard = 'unlimited'] = new RegExp(`^${LIMIT_LINES[name] ?? '-'} +\\S+ +(\\S+)`, 'm').exec(limits) ?? [];
  return hard === 'unlimited' ? Infinity : Number(hard);
}

function replacesRunning({ owner, stack, service, slot }: Identity, all: ReadonlyMap<string, Container>): boolean {
  return [...all.values()].some(({ identity, status }) => status?.phase === 'running' && identity.owner === owner && identity.stack === stack && identity.service === service && identity.slot === slot);
}

/** What may yet come by what starts before it, a module of the kernel say; but nothing that runs is given up for it. */
function hostProblems({ devices, sysctls }: ContainerSpec): readonly string[] {
  return [
    ...devices.filter(({ source }) => source.startsWith('/dev/')).flatMap((device) => refusal(() => devicesOf([device]))),
    // Those of one link are there once it is.
    ...Object.keys(sysctls).filter((name) => !/\b(conf|neigh)\b/.test(name) && !existsSync(`/proc/sys/${name.replaceAll('.', '/')}`)).map((name) => `sysctl ${name}: this kernel has none of that name`),
  ];
}

function refusal(look: () => unknown): readonly string[] {
  try {
    look();
    return [];
  } catch (error) {
    if (!(error instanceof BayplanError)) throw error;
    return [error.message];
  }
}
