import type { Container } from '../state/container.ts';
import type { Desired, State } from '../state/state.ts';
import { grace } from './containers.ts';
import type { StepList } from './step-list.ts';

/** Takes containers away, each with its cause: those that depend on others end before these do. */
export function planRemoval(list: StepList, desired: Desired, actual: State, leaving: ReadonlyMap<string, string>): void {
  for (const name of dependentsFirst(actual, [...leaving.keys()].sort())) {
    const container = actual.containers[name];
    const why = leaving.get(name);
    if (container === undefined || why === undefined) continue;
    const before = [...leaving.keys()].filter((other) => other !== name && dependsOn(actual.containers[other], container) && !dependsOn(container, actual.containers[other]));
    const needs = before.map((other) => `remove-container ${other}`);
    const ports = container.status?.ports.length ? [list.add('withdraw-ports', name, { name }, needs, why)] : [];
    const stop = container.status?.phase === 'running' ? [list.add('stop-container', name, { name, signal: null, graceMs: grace(desired, container) }, [...needs, ...ports], why)] : [];
    list.add('remove-container', name, { name }, [...needs, ...ports, ...stop], why);
  }
}

/** Names so that each comes before what it depends on; where labels go in a circle, as they stand. */
function dependentsFirst(actual: State, names: readonly string[]): readonly string[] {
  const left = new Set(names);
  const order: string[] = [];
  while (left.size > 0) {
    const free = [...left].filter((name) => {
      const container = actual.containers[name];
      return container === undefined || ![...left].some((other) => other !== name && dependsOn(actual.containers[other], container));
    });
    for (const name of free.length > 0 ? free : [...left]) {
      order.push(name);
      left.delete(name);
    }
  }
  return order;
}

/** Whether one container's service depends on the other's, as the label says that it was created with: the file may say something else by now. */
function dependsOn(container: Container | undefined, other: Container | undefined): boolean {
  const label = container?.spec.labels['com.docker.compose.depends_on'] ?? '';
  return other !== undefined && label.split(',').some((entry) => entry.split(':')[0] === other.identity.service);
}
