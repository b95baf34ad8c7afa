import type { Drift } from '../../state/drift.ts';
import type { Network } from '../../state/network.ts';
import type { Kernel } from '../kernel.ts';
import type { NetworkEntry } from './network-entry.ts';
import type { NetworkRecords } from './network-records.ts';
import type { Addresses } from './networks.ts';
import { outerDrift, readOutside } from './outer-drift.ts';
import type { Rules } from './rules.ts';
import { attributed, type RulesDrift } from './rules-drift.ts';

interface Context {
  readonly kernel: Kernel;
  readonly records: NetworkRecords;
  readonly rules: Rules;
  /** The file of a network's names, and how it is not as it was written; null: it is. */
  readonly names: (entry: NetworkEntry) => { readonly file: string; readonly found: string } | null;
  /** Containers that ports lead to, by id, and where they lead. */
  readonly published: () => ReadonlyMap<string, Addresses | null>;
}

const NONE: RulesDrift = { networks: new Map(), containers: new Map() };

/** What was not as it was made when it was last looked at: of networks on the host, of the files with their names, and of the packet rules. */
export class NetworkDrift {
  readonly #context: Context;
  #links: ReadonlyMap<string, readonly Drift[]> = new Map();
  #names: ReadonlyMap<string, Drift> = new Map();
  #rules = NONE;
  /** Who changed the rules that are not as they were made. */
  #culprit: string | null = null;

  constructor(context: Context) {
    this.#context = context;
  }

  async lookAtLinks(): Promise<void> {
    const { kernel, records } = this.#context;
    const drift = outerDrift(records.all(), await readOutside(kernel));
    this.#links = new Map([...drift].map(([name, found]) => {
      const missing = records.missingFile(name);
      return [name, missing === null ? found : [...found, { kind: 'record', field: 'record', expected: missing, found: 'no such file' }]];
    }));
  }

  lookAtNames(): void {
    const { records, names } = this.#context;
    this.#names = new Map(records.all().flatMap((entry) => {
      const changed = names(entry);
      return changed === null ? [] : [[entry.name, { kind: 'record', field: 'names', expected: `what was written to ${changed.file}`, found: changed.found }] as const];
    }));
  }

  lookAtRules(by: string | null): void {
    const { records, rules, published } = this.#context;
    const bridges = records.all().flatMap(({ name, record }) => (record.spec.driver === 'bridge' ? [[name, record.link] as const] : []));
    const found = rules.drift();
    this.#culprit = found.length === 0 ? null : by ?? this.#culprit;
    this.#rules = attributed(found, { networks: new Map(bridges), containers: published() }, this.#culprit);
  }

  /** The rules were made anew. */
  rulesMade(): void {
    this.#rules = NONE;
  }

  /** Of the rules for a container's ports. */
  ofPorts(id: string): readonly Drift[] {
    return this.#rules.containers.get(id) ?? [];
  }

  /** A network as it is shown. */
  view(entry: NetworkEntry): Network {
    const names = this.#names.get(entry.name);
    const drift = [...this.#links.get(entry.name) ?? [], ...names === undefined ? [] : [names], ...this.#rules.networks.get(entry.name) ?? []];
    const view = entry.view();
    return drift.length === 0 || view.status === null ? view : { ...view, status: { ...view.status, drift } };
  }
}
