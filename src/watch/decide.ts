import { posix } from 'node:path';
import type { Hook } from '../state/hook.ts';
import { isBelow } from './is-below.ts';
import type { WatchRule } from './rules.ts';

/** What is to be in a container as it is here. */
export interface SyncedPath {
  /** Here, absolute. */
  readonly path: string;
  /** The rule's place in the container, absolute. */
  readonly target: string;
  /** What it is called below that; '': it is that itself. */
  readonly name: string;
}

/** What a burst of changes asks for in the containers of one service, in this order. */
export interface ServiceWork {
  readonly sync: readonly SyncedPath[];
  readonly restart: boolean;
  readonly exec: readonly Hook[];
  /** Number of changes that ask for a new image. */
  readonly rebuild: number;
}

/** Which services have to do what after these paths have changed. Each hook runs once, however many changes ask for it. */
export function decide(rules: readonly WatchRule[], changed: Iterable<string>): ReadonlyMap<string, ServiceWork> {
  const works = new Map<string, { sync: Map<string, SyncedPath>; restart: boolean; exec: Set<Hook>; rebuild: Set<string> }>();
  const paths = [...changed].sort();
  for (const rule of rules) {
    for (const path of paths) {
      if (!isBelow(path, rule.path) || !rule.meant(path)) continue;
      const work = works.get(rule.service) ?? { sync: new Map(), restart: false, exec: new Set(), rebuild: new Set() };
      works.set(rule.service, work);
      if (rule.target !== '') {
        const name = posix.relative(rule.path, path);
        work.sync.set(posix.join(rule.target, name), { path, target: rule.target, name });
      }
      if (rule.action === 'restart' || rule.action === 'sync+restart') work.restart = true;
      if (rule.exec !== null) work.exec.add(rule.exec);
      if (rule.action === 'rebuild') work.rebuild.add(path);
    }
  }
  return new Map([...works].map(([service, { sync, restart, exec, rebuild }]) => [service, { sync: [...sync.values()], restart, exec: [...exec], rebuild: rebuild.size }]));
}
