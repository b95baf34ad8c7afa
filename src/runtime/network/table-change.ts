/** Changes of one table, in the order that loses no packet: what is led to, what leads there, and what nothing leads to any more. Each is a transaction. */
export class TableChange {
  readonly #table: string;
  readonly #first: string[] = [];
  readonly #leaving: string[] = [];
  readonly #entering: string[] = [];
  readonly #last: string[] = [];
  readonly #removed: string[] = [];

  constructor(table: string) {
    this.#table = table;
  }

  /** A chain that elements are to lead to. */
  addChain(name: string, rules: readonly string[]): void {
    this.#first.push(`add chain inet ${this.#table} ${name}`, ...this.#rules(name, rules));
  }

  /** Gives a chain that stays other rules. */
  replaceRules(name: string, rules: readonly string[]): void {
    this.#entering.push(`flush chain inet ${this.#table} ${name}`, ...this.#rules(name, rules));
  }

  /** One that elements and rules have led to. */
  removeChain(name: string): void {
    this.#last.push(`flush chain inet ${this.#table} ${name}`);
    this.#removed.push(`delete chain inet ${this.#table} ${name}`);
  }

  /** An element of a set, or a key of a map, goes. */
  leave(set: string, element: string): void {
    this.#leaving.push(`delete element inet ${this.#table} ${set} { ${element} }`);
  }

  /** An element comes; `early`: before anything goes. */
  enter(set: string, element: string, early = false): void {
    (early ? this.#first : this.#entering).push(`add element inet ${this.#table} ${set} { ${element} }`);
  }

  /** A set or map of no use. */
  removeSet(kind: string, name: string): void {
    this.#removed.push(`delete ${kind} inet ${this.#table} ${name}`);
  }

  transactions(): readonly string[] {
    return [this.#first, [...this.#leaving, ...this.#entering], [...this.#last, ...this.#removed]].filter((lines) => lines.length > 0).map((lines) => `${lines.join('\n')}\n`);
  }

  #rules(chain: string, rules: readonly string[]): readonly string[] {
    return rules.map((rule) => `add rule inet ${this.#table} ${chain} ${rule}`);
  }
}
