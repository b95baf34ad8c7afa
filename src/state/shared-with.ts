import type { ContainerSpec } from './container.ts';

/** What of a container says whose namespaces it lives in. */
export type Sharing = Pick<ContainerSpec, 'namespaces' | 'networkMode'>;

/** Containers, by name or id, whose namespaces one shares, that of its users first. */
export function sharedWith({ namespaces, networkMode }: Sharing): readonly string[] {
  const modes = [namespaces.user, networkMode, namespaces.pid, namespaces.ipc, namespaces.uts, namespaces.cgroup, namespaces.time];
  return [...new Set(modes.flatMap((mode) => containerOf(mode) ?? []))];
}

/** The container that a mode (`container:NAME`) leads to; null: none. */
export function containerOf(mode: string): string | null {
  return /^container:(.+)$/.exec(mode)?.[1] ?? null;
}
