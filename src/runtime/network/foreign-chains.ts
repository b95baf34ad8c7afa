import { KernelError } from '../kernel.ts';
import { type Chain, type NftablesJson, quoted, type Rule } from './nftables-json.ts';

/**
 * Chains of others at the forward hook that drop what they do not know (Docker's, ufw's, firewalld's). An accept in our table does not override such a drop, so
 * rules that accept our bridges' traffic go to the top of each, with the table's name as the mark in their comment. Our own forward chain still
 * drops what must not pass.
 */
export class ForeignChains {
  readonly #nft: NftablesJson;
  readonly #mark: string;
  #opened: readonly string[] = [];

  constructor(nft: NftablesJson, mark: string) {
    this.#nft = nft;
    this.#mark = mark;
  }

  /** Puts the rules for `links` (names, `*` at their end stands for any) where they are missing. Cheap where nothing is to do. */
  open(links: readonly string[]): void {
    whileTheyChange(() => this.#open(links));
  }

  /** Takes our rules out of every chain, wherever they are. */
  close(): void {
    whileTheyChange(() => this.#close());
  }

  /** One line for each chain that holds our rules. */
  notices(): readonly string[] {
    return this.#opened;
  }

  #open(links: readonly string[]): void {
    const opened: string[] = [];
    for (const chain of droppingChains(this.#nft.chains(), (base) => this.#nft.rules(base), this.#mark)) {
      const name = `${chain.family} ${quoted(chain.table)} ${quoted(chain.name)}`;
      const marked = this.#nft.rules(chain).filter((rule) => rule.comment === this.#mark);
      if (marked.length !== 2 * links.length) {
        const old = marked.map((rule) => `delete rule ${name} handle ${rule.handle}`);
        const added = links.flatMap((link) => ['iifname', 'oifname'].map((side) => `insert rule ${name} ${side} "${link}" counter accept comment "${this.#mark}"`));
        this.#nft.run(`${[...old, ...added].join('\n')}\n`);
      }
      opened.push(`${name} drops forwarded packets: bayplan keeps rules with the comment "${this.#mark}" in it, which let its own bridges (${links.join(', ')}) pass`);
    }
    this.#opened = opened;
  }

  #close(): void {
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
}

/** Their owners change chains too: what was listed and is not there any more is looked for again. */
function whileTheyChange(work: () => void): void {
  for (let tries = 1; ; tries++) {
    try {
      return work();
    } catch (error) {
      if (tries === TRIES || !(error instanceof KernelError && error.code === 'ENOENT')) throw error;
    }
  }
}

const TRIES = 3;

/** Those that drop by their policy, or by a last rule without a condition. Docker asks others to use DOCKER-USER, which its own FORWARD jumps to first. */
export function droppingChains(chains: readonly Chain[], rulesOf: (chain: Chain) => readonly Rule[], ownTable: string): readonly Chain[] {
  return chains.filter((chain) => chain.hook === 'forward' && ['ip', 'ip6', 'inet'].includes(chain.family) && chain.table !== ownTable)
    .filter((chain) => chain.policy === 'drop' || endsInDrop(rulesOf(chain)))
    .map((chain) => chains.find((other) => other.family === chain.family && other.table === chain.table && other.name === 'DOCKER-USER') ?? chain);
}

/** firewalld's chain accepts by policy, and rejects by its last rule. */
function endsInDrop(rules: readonly Rule[]): boolean {
  const statements = (rules.at(-1)?.expr ?? []).flatMap((statement) => (typeof statement === 'object' && statement !== null ? Object.keys(statement) : []));
  return statements.some((name) => name === 'drop' || name === 'reject') && statements.every((name) => ['counter', 'log', 'drop', 'reject'].includes(name));
}

function mayHoldOurs(chain: Chain): boolean {
  return chain.hook === 'forward' || chain.name === 'DOCKER-USER';
}
