import type { Cidr } from '../../state/cidr.ts';
import type { Paths } from '../../state/paths.ts';
import { type Kernel, KernelError } from '../kernel.ts';
import { ForeignChains } from './foreign-chains.ts';
import { foreignSources } from './foreign-sources.ts';
import { legacyNotices } from './legacy-tables.ts';
import { NftablesJson } from './nftables-json.ts';
import { readListing, ruleDrift, type RuleDrift, type TableListing } from './table-listing.ts';
import { dormantTable, tableChange, type TableState, wholeTable } from './table.ts';

/** How often others' forward chains are looked at, at most, while containers come. */
const FOREIGN_INTERVAL_MS = 5000;

/** All of this engine's packet rules in the kernel: its table, and its two rules in each foreign chain that drops. */
export class Rules {
  readonly #paths: Paths;
  readonly #now: () => number;
  readonly #nft: NftablesJson;
  readonly #foreign: ForeignChains;
  /** What our table holds; null: there is none, or it is not known. */
  #applied: TableState | null = null;
  #foreignSeenAt = 0;
  /** What the kernel shows of a table with a state. */
  #shown: { readonly of: TableState; readonly listing: TableListing } | null = null;

  constructor(context: { paths: Paths; kernel: Kernel; now: () => number }) {
    this.#paths = context.paths;
    this.#now = context.now;
    this.#nft = new NftablesJson(context.kernel);
    this.#foreign = new ForeignChains(this.#nft, context.paths.table);
  }

  /** Forgets what the table should hold: the next `apply` builds it whole. */
  distrust(): void {
    this.#applied = null;
  }

  /** How our table differs from what it should hold. It is compared with what the kernel shows of a table like it that is made for that alone and hooked nowhere: it has ways of its own to say things. */
  drift(): readonly RuleDrift[] {
    const wanted = this.#applied;
    if (wanted === null) return [];
    const found = readListing(this.#nft.table(this.#paths.table));
    if (this.#shown?.of !== wanted) this.#shown = { of: wanted, listing: this.#listingOf(wanted) };
    return ruleDrift(this.#shown.listing, found);
  }

  #listingOf(state: TableState): TableListing {
    const table = `${this.#paths.table}-expected`;
    this.#nft.run(dormantTable({ ...this.#paths, table }, state));
    try {
      return readListing(this.#nft.table(table));
    } finally {
      this.#nft.run(`delete table inet ${table}\n`);
    }
  }

  /** Brings the table to a state by the elements that differ; whole where that fails because somebody else has changed it. An empty one is removed. */
  apply(state: TableState): void {
    const before = this.#applied;
    this.#applied = null;
    if (state.networks.size === 0 && state.ports.size === 0) {
      this.#nft.run(`table inet ${this.#paths.table}\ndelete table inet ${this.#paths.table}\n`);
      this.#foreign.close();
      return;
    }
    try {
      this.#nft.run(before === null ? wholeTable(this.#paths, state) : tableChange(this.#paths, before, state));
    } catch (error) {
      if (before === null || !(error instanceof KernelError)) throw error;
      this.#nft.run(wholeTable(this.#paths, state));
    }
    this.#applied = state;
  }

  /** Puts our rules into foreign chains where they are missing; unless `always`, only if that was not looked at just before. */
  guard(always: boolean): void {
    const at = this.#now();
    if (this.#applied === null || (!always && at - this.#foreignSeenAt < FOREIGN_INTERVAL_MS)) return;
    this.#foreignSeenAt = at;
    this.#foreign.open(this.#links());
  }

  /** Our bridges: all of one beginning, and those that have a name of the user's. */
  #links(): readonly string[] {
    const named = [...this.#applied?.networks.values() ?? []].map(({ link }) => link).filter((link) => !link.startsWith(this.#paths.linkPrefix));
    return [`${this.#paths.linkPrefix}*`, ...named.sort()];
  }

  /** Networks that rules of others rewrite; not for networks of ours. */
  foreignSources(): readonly Cidr[] {
    return foreignSources(this.#nft, this.#paths.table);
  }

  notices(): readonly string[] {
    return [...this.#foreign.notices(), ...(this.#applied === null ? [] : legacyNotices())];
  }
}
