import { isDeepStrictEqual } from 'node:util';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { ContainerChanges, ContainerSpec, Grant } from '../../state/container.ts';
import type { Resources } from '../../state/resources.ts';
import { specProblems } from '../../state/spec-problems.ts';
import type { ContainerEntry } from './container-entry.ts';
import type { ContainerRecord } from './record.ts';
import { limitCgroup } from './core-process.ts';
import { deviceNumbers } from './device-numbers.ts';
import { changedGrants, swapContents } from './swap-contents.ts';
import { resourcesChange } from './update-resources.ts';

/** The spec with its changes, before anything is done. Throws BayplanError `bad-request` where it could not be. */
export function changedSpec({ record: { name, spec: before } }: ContainerEntry, changes: ContainerChanges): ContainerSpec {
  const after = { ...before, ...changes };
  const [problem] = specProblems(after);
  if (problem !== undefined) throw new BayplanError('bad-request', `container ${name}: ${problem.text}`);
  return after;
}

/** What a change of a running container needs. */
export interface ChangeParts {
  readonly core: string;
  /** The folder of configs and secrets. */
  readonly contents: string;
  readonly update: (change: Partial<ContainerRecord>) => void;
  /** What is to follow, one after the other, once these were replaced. */
  readonly tellings: (changed: readonly Grant[]) => readonly (() => Promise<void>)[];
}

/**
 * Brings a container to a spec whose limits and contents may be others. They are in the record as what is to come, then in the kernel, then in the record as what is: an engine that is killed in between
 * finishes it (`finishSpec`), and tells the container once more. Throws BayplanError `limit-refused` or `content-refused` where the kernel does not take it, `hook-failed` where the container does not: then the former ones hold.
 */
export async function changeSpec(entry: ContainerEntry, after: ContainerSpec, parts: ChangeParts): Promise<void> {
  const { core, update } = parts;
  const { spec: before } = entry.record;
  const limits = !isDeepStrictEqual(before.resources, after.resources);
  const contents = changedGrants(before.contents, after.contents);
  if (entry.phase === 'running' && (limits || contents.length > 0)) {
    update({ pending: after });
    try {
      if (limits) await setLimits(core, entry, after.resources);
      if (contents.length > 0) await setContents(entry, after, contents, parts);
    } catch (error) {
      if (limits) await setLimits(core, entry, before.resources).catch(() => undefined); // the first failure is the one to tell
      update({ pending: null });
      throw error;
    }
  }
  update({ spec: after, pending: null });
}

/** After a start of the engine: an earlier one may have been killed while it changed the limits or contents of this container. */
export async function finishSpec(entry: ContainerEntry, parts: ChangeParts): Promise<void> {
  const { pending } = entry.record;
  if (pending !== null) await changeSpec(entry, pending, parts);
}

async function setContents(entry: ContainerEntry, after: ContainerSpec, changed: readonly Grant[], { core, contents, tellings }: ChangeParts): Promise<void> {
  const { name, spec: before } = entry.record;
  if (entry.paused && changed.some(({ onChange }) => (onChange?.exec.length ?? 0) > 0)) throw new BayplanError('conflict', `container ${name} is paused, and its on_change could not run: unpause it first`);
  const swapped = new Set<string>();
  const told: (() => Promise<void>)[] = [];
  try {
    await swapContents(core, contents, entry, changed, ({ target }) => swapped.add(target));
    for (const tell of tellings(changed)) {
      await tell();
      told.push(tell);
    }
  } catch (error) {
    const left: string[] = [];
    const also = (what: string) => (failure: unknown): void => void left.push(`${what}: ${messageOf(failure)}`);
    await swapContents(core, contents, entry, changedGrants(after.contents, before.contents).filter(({ target }) => swapped.has(target))).catch(also('what was there could not be put back'));
    for (const tell of told) await tell().catch(also('who has read what was refused could not be told')); // of what is there again
    if (left.length === 0) throw error;
    throw new BayplanError(error instanceof BayplanError ? error.code : 'content-refused', [messageOf(error), ...left].join('; '), { cause: error });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function setLimits(core: string, entry: ContainerEntry, after: Resources): Promise<void> {
  const { record: { name, spec } } = entry;
  const limit = (from: Resources, to: Resources): Promise<void> => limitCgroup(core, entry, resourcesChange(from, to, deviceNumbers));
  await limit(spec.resources, after).catch(async (error: unknown) => {
    await limit(after, spec.resources).catch(() => undefined); // what was taken before the one that was not; the first failure is the one to tell
    throw new BayplanError('limit-refused', `container ${name}: ${messageOf(error)}`, { cause: error });
  });
}
