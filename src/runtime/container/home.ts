import { BayplanError } from '../../state/bayplan-error.ts';
import type { ContainerRecord } from './record.ts';

const SHARED = 'container:';

/**
 * The container in whose network namespace one lives: itself, or the one that its `container:NAME` (or id) leads to in the end. Throws BayplanError
 * `not-found` where there is none, `bad-request` where they lead in a circle.
 */
export function homeOf(record: ContainerRecord, find: (ref: string) => ContainerRecord | null): ContainerRecord {
  const passed = new Set<string>();
  let home = record;
  while (home.spec.networkMode.startsWith(SHARED)) {
    const ref = home.spec.networkMode.slice(SHARED.length);
    const next = find(ref);
    if (next === null) throw new BayplanError('not-found', `container ${home.name}: container ${ref}, whose network it shares, is not there; bring it up first`);
    if (passed.has(next.id)) throw new BayplanError('bad-request', `container ${record.name}: its network_mode leads in a circle, by ${next.name}`);
    passed.add(next.id);
    home = next;
  }
  return home;
}
