import { BayplanError } from '../../state/bayplan-error.ts';
import { containerOf } from '../../state/shared-with.ts';
import type { ContainerRecord } from './record.ts';

/** How one container leads to another: whose one lives in (by name or id; null: its own), and for messages what it shares there, and what of it leads. */
export interface Lead { readonly donor: (record: ContainerRecord) => string | null; readonly shared: string; readonly leads: string }

/** The container that one lives in: itself, or the one that its donors lead to in the end. Throws BayplanError `not-found` where one is not there, `bad-request` where they lead in a circle. */
export function homeOf(record: ContainerRecord, { donor, shared, leads }: Lead, find: (ref: string) => ContainerRecord | null): ContainerRecord {
  const passed = new Set<string>();
  let home = record;
  for (let ref = donor(home); ref !== null; ref = donor(home)) {
    const next = find(ref);
    if (next === null) throw new BayplanError('not-found', `container ${home.name}: container ${ref}, whose ${shared} it shares, is not there; bring it up first`);
    if (passed.has(next.id)) throw new BayplanError('bad-request', `container ${record.name}: its ${leads} in a circle, by ${next.name}`);
    passed.add(next.id);
    home = next;
  }
  return home;
}

/** The container in whose network namespace one lives. Throws BayplanError as `homeOf` does. */
export function networkHome(record: ContainerRecord, find: (ref: string) => ContainerRecord | null): ContainerRecord {
  return homeOf(record, { donor: ({ spec }) => containerOf(spec.networkMode), shared: 'network', leads: 'network_mode leads' }, find);
}
