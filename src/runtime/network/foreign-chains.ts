import { type Chain, type NftablesJson, quoted } from './nftables-json.ts';

/**
 * Chains of others at the forward hook that drop what they do not know (Docker's, ufw's). An accept in our table does not override such a drop, so
 * two rules that accept our bridges' traffic go to the top of each, with the table's name as the mark in their comment. Our own forward chain still
 * drops what must not pass.
 */
export class ForeignChains {
  readonly #nft: NftablesJson;
  readonly #linkPrefix: string;
  readonly #mark: string;
  #opened: readonly string[] = [];

  constructor(nft: NftablesJson, names: { table: string; linkPrefix: string }) {
    this.#nft = nft;
    this.#linkPrefix = names.linkPrefix;
    this.#mark = names.table;
  }

  /** Puts the rules where they are missing. Cheap where nothing is to do. */
  open(): void {
    const opened: string[] = [];
    for (const chain of droppingChains(this.#nft.chains(), this.#mark)) {
      const name = `${chain.family} ${quoted(chain.table)} ${quoted(chain.name)}`;
      const marked = this.#nft.rules(chain).filter((rule) => rule.comment === this.#mark);
      if (marked.length < 2) {
        const old = marked.map((rule) => `delete rule ${name} handle ${rule.handle}`);
        const added = ['iifname', 'oifname'].map((side) => `insert rule ${name} ${side} "${this.#linkPrefix}*" counter accept comment "${this.#mark}"`);
        this.#nft.run(`${[...old, ...added].join('\n')}\n`);
      }
      opened.push(name);
    }
    this.#opened = opened;
  }

  /** Takes our rules out of every chain, wherever they are. */
  close(): void {
    const lines: string[] = [];
    for (const chain of this.#nft.chains()) {
      if (!chain.family.startsWith('i') || chain.table === this.#mark || !mayHoldOurs(chain)) continue;
      for (const rule of this.#nft.rules(chain)) {
        if (rule.comment === this.#mark) lines.push(`delete rule ${chain.family} ${quoted(chain.table)} ${quoted(chain.name)} handle ${rule.handle}`);
      }
    }
    this.#nft.run(lines.length === 0 ? '' : `${lines.join('\n')}\n`);
    this.#opened = [];
  }

  /** One line for each chain that holds our rules. */
  notices(): readonly string[] {
    return this.#opened.map((name) => `${name} drops forwarded packets: bayplan keeps two rules with the comment "${this.#mark}" in it, which let its own bridges (${this.#linkPrefix}*) pass`);
  }
}

/** Docker asks others to use DOCKER-USER, which its own FORWARD jumps to first. */
export function droppingChains(chains: readonly Chain[], ownTable: string): readonly Chain[] {
  return chains.filter((chain) => chain.hook === 'forward' && chain.policy === 'drop' && (chain.family === 'ip' || chain.family === 'inet') && chain.table !== ownTable)
    .map((chain) => chains.find((other) => other.family === chain.family && other.table === chain.table && other.name === 'DOCKER-USER') ?? chain);
}

function mayHoldOurs(chain: Chain): boolean {
  return chain.hook === 'forward' || chain.name === 'DOCKER-USER';
}
