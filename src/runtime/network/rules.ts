import type { Cidr } from '../../state/cidr.ts';
import type { Paths } from '../../state/paths.ts';
import { type Kernel, KernelError } from '../kernel.ts';
import { ForeignChains } from './foreign-chains.ts';
import { foreignSources } from './foreign-sources.ts';
import { legacyNotices } from './legacy-tables.ts';
import { NftablesJson } from './nftables-json.ts';
import { readListing, ruleDrift, type RuleDrift, type TableListing } from './table-listing.ts';
import { mending } from './table-mending.ts';
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

  /** Forgets what the table holds: the next `apply` looks at it. */
  distrust(): void {
    this.#applied = null;
  }

  /** How our table differs from what it should hold. It is compared with what the kernel shows of a table like it that is made for that alone and hooked nowhere: it has ways of its own to say things. */
  drift(): readonly RuleDrift[] {
    const wanted = this.#applied;
    if (wanted === null) return [];
    const found = readListing(this.#nft.table(this.#paths.table));
    return ruleDrift(this.#listingOf(wanted), found);
  }

  #listingOf(state: TableState): TableListing {
    if (this.#shown?.of === state) return this.#shown.listing;
    const table = `${this.#paths.table}-expected`;
    this.#nft.run(dormantTable({ ...this.#paths, table }, state));
    try {
      const listing = new Map(readListing(this.#nft.table(table)));
      listing.delete('table'); // that it is dormant
      this.#shown = { of: state, listing };
      return listing;
    } finally {
      this.#nft.run(`delete table inet ${table}\n`);
    }
  }

  /**
   * Brings the table to a state by what differs; whole where that fails because somebody else has changed it, or where it is of another build: a table that is replaced rewrites some of the connections that just then begin
   * by halves, and nobody can use those. An empty one is removed.
   */
  apply(state: TableState): void {
    const before = this.#applied;
    this.#applied = null;
    if (state.networks.size === 0 && state.ports.size === 0) {
      this.#nft.run(`table inet ${this.#paths.table}\ndelete table inet ${this.#paths.table}\n`);
      this.#foreign.close();
      return;
    }
    const changes = before === null ? this.#mending(state) : tableChange(this.#paths, before, state);
    try {
      for (const change of changes ?? []) this.#nft.run(change);
      if (changes === null) this.#nft.run(wholeTable(this.#paths, state));
    } catch (error) {
      if (changes === null || !(error instanceof KernelError)) throw error;
      this.#nft.run(wholeTable(this.#paths, state));
    }
    this.#applied = state;
  }

  /** What is to be done to a table of which nothing is known; null: to make it. */
  #mending(state: TableState): readonly string[] | null {
    const found = this.#nft.table(this.#paths.table);
    return found === '' ? null : mending(this.#paths.table, this.#listingOf(state), readListing(found));
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
