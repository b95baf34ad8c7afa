import type { Drift } from '../../state/drift.ts';
import type { Addresses } from './networks.ts';
import type { RuleDrift } from './table-listing.ts';

/** Whose packet rules are not as they were made: networks by name, containers by id. */
export interface RulesDrift { readonly networks: ReadonlyMap<string, readonly Drift[]>; readonly containers: ReadonlyMap<string, readonly Drift[]> }

/** Where in the rules a network or a container is named: by its link, by its addresses. */
export interface Places { readonly networks: ReadonlyMap<string, string>; readonly containers: ReadonlyMap<string, Addresses | null> }

/** Says of each line whose it is. What names nobody is all networks'. */
export function attributed(found: readonly RuleDrift[], { networks, containers }: Places, by: string | null): RulesDrift {
  const all = { networks: new Map<string, Drift[]>(), containers: new Map<string, Drift[]>() };
  const add = (kind: keyof typeof all, whose: string, drift: Drift): void => {
    all[kind].set(whose, [...all[kind].get(whose) ?? [], drift]);
  };
  const tell = (line: string, drift: Drift): void => {
    const networksNamed = [...networks].filter(([, link]) => line.includes(`"${link}"`)).map(([name]) => name);
    const containersNamed = [...containers].filter(([, addresses]) => addresses !== null && [addresses.ipv4, addresses.ipv6].some((address) => address !== '' && names(line, address))).map(([id]) => id);
    for (const id of containersNamed) add('containers', id, drift);
    for (const name of networksNamed.length + containersNamed.length > 0 ? networksNamed : networks.keys()) add('networks', name, drift);
  };
  const culprit = by === null ? {} : { by };
  if (found.length > 0 && found.every(({ whole }) => whole)) {
    for (const name of networks.keys()) add('networks', name, { kind: 'rules', field: 'rules', expected: 'the engine\'s table', found: 'no such table', ...culprit });
    return all;
  }
  for (const { object, missing, surplus, whole } of found) {
    const of = (expected: string, there: string): Drift => ({ kind: 'rules', field: `rules[${object}]`, expected, found: there, ...culprit });
    if (whole) tell('', of('as it was made', `no such ${object.split(' ')[0] ?? 'object'}`));
    for (const line of whole ? [] : missing) tell(line, of(line, 'missing'));
    for (const line of surplus) tell(line, of('nothing', line));
  }
  return all;
}

/** An address as a whole word: 10.0.0.1 is not in 10.0.0.12. */
function names(line: string, address: string): boolean {
  return line.split(/[\s{},]+/).includes(address);
}
