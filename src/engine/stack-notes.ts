import { replacedBinds } from '../runtime/container/replaced-binds.ts';
import type { PassEvent, StackRequest } from '../state/messages.ts';
import type { EngineParts } from './engine-parts.ts';
import { machineNotes } from './machine-notes.ts';
import { strayLinks } from './stray-links.ts';

/** What whoever asks for a stack should know beside the plan. */
export function stackNotes(name: string, { source, desired }: Pick<StackRequest, 'source' | 'desired'>, parts: Pick<EngineParts, 'stacks' | 'containers' | 'asides' | 'networks' | 'machine'>): readonly string[] {
  const before = parts.stacks.get(name)?.source.workingDir;
  const moved = before !== undefined && before !== source.workingDir ? [`stack ${name} was last brought up from ${before}`] : [];
  return [...moved, ...replaced(name, parts), ...parts.asides.notes(name), ...parts.networks.notices(), ...machineNotes(desired, parts.machine), ...strayLinks(name, desired, parts.containers)];
}

/** Files and folders on the host in whose place others are by now, where containers still have the former ones. */
function replaced(name: string, { containers }: Pick<EngineParts, 'containers'>): readonly string[] {
  return [...containers.list()].flatMap(([container, { identity, spec, status }]) => {
    if (identity.stack !== name || status?.phase !== 'running') return [];
    return replacedBinds(status.pid, spec).map(({ source, target }) =>
      `container ${container} has at ${target} what was ${source} before that was replaced on the host: \`up --force-recreate ${identity.service}\` gives it what is there now`);
  });
}

/** Says these once, with the first plan. */
export function noting(notes: readonly string[], onEvent: (event: PassEvent) => void): (event: PassEvent) => void {
  let left = notes;
  return (event) => {
    onEvent(event.type === 'plan' ? { ...event, plan: { ...event.plan, notes: [...left, ...event.plan.notes] } } : event);
    if (event.type === 'plan') left = [];
  };
}
