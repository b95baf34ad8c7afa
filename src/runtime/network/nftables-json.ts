import * as z from 'zod';
import { type Kernel, KernelError } from '../kernel.ts';

/** A chain as nftables lists it; `hook` and `policy` are '' for one that is not a base chain. */
export interface Chain { readonly family: string; readonly table: string; readonly name: string; readonly hook: string; readonly policy: string }
export interface Table { readonly family: string; readonly name: string }
/** `expr` is the rule's statements in libnftables' JSON, not looked into. */
export interface Rule { readonly handle: number; readonly comment: string; readonly expr: readonly unknown[] }

const Listing = z.object({ nftables: z.array(z.record(z.string(), z.unknown())) });
const TableObject = z.object({ family: z.string(), name: z.string() });
const ChainObject = z.object({ family: z.string(), table: z.string(), name: z.string(), hook: z.string().default(''), policy: z.string().default('') });
const RuleObject = z.object({ handle: z.int(), comment: z.string().default(''), expr: z.array(z.unknown()).default([]) });

/**
 * nftables through libnftables: changes go as text, since its JSON cannot say every map (1.0.6), and lists come as JSON.
 * All calls are synchronous, one is about 0.1–0.4 ms.
 */
export class NftablesJson {
  readonly #kernel: Kernel;
  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Runs `text` as one transaction: all of it or nothing. Throws KernelError. */
  run(text: string): void {
    if (text !== '') this.#kernel.nft(text);
  }

  /** All tables of all families. */
  tables(): readonly Table[] {
    return this.#objects('list tables', 'table', TableObject);
  }

  /** All chains of all families. */
  chains(): readonly Chain[] {
    return this.#objects('list chains', 'chain', ChainObject);
  }

  /** One of our tables as text, '' where there is none. */
  table(name: string): string {
    try {
      return this.#kernel.nft(`list table inet ${name}`);
    } catch (error) {
      if (error instanceof KernelError && error.code === 'ENOENT') return '';
      throw error;
    }
  }

  /** The rules of one chain, in order; none where its owner has removed it since it was listed. */
  rules(chain: Chain): readonly Rule[] {
    try {
      return this.#objects(`list chain ${chain.family} ${quoted(chain.table)} ${quoted(chain.name)}`, 'rule', RuleObject);
    } catch (error) {
      if (error instanceof KernelError && error.code === 'ENOENT') return [];
      throw error;
    }
  }

  #objects<T>(command: string, kind: string, schema: z.ZodType<T>): readonly T[] {
    const { nftables } = Listing.parse(JSON.parse(this.#kernel.nft(command, true)));
    return nftables.flatMap((object) => (object[kind] === undefined ? [] : [schema.parse(object[kind])]));
  }
}

/** Names of others' tables and chains in nft text. nft has no escape inside quotes, so a name with one cannot be said. */
export function quoted(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_.\\/-]*$/.test(name) ? name : `"${name.replaceAll('"', '')}"`;
}
