import { BayplanError } from '../state/bayplan-error.ts';

/** A record on disk that this engine cannot read: it stays as it is, with all that belongs to it, and everything else works. */
export interface SetAside {
  readonly kind: 'container' | 'contents' | 'engine' | 'images' | 'network' | 'stack' | 'storage' | 'volume';
  /** '' where there is but one, or where it cannot be told. */
  readonly name: string;
  /** The stack that it is of, '' for none; null: it cannot be told. */
  readonly stack: string | null;
  /** What is wrong with it, where, and what to do: `record-damaged` or `record-too-new`. */
  readonly error: BayplanError;
}

/** The records of one root that this engine cannot read. */
export class SetAsides {
  readonly #all: SetAside[] = [];
  readonly #report: (line: string) => void;

  /** `report` gets one line for each. */
  constructor(report: (line: string) => void = () => undefined) {
    this.#report = report;
  }

  list(): readonly SetAside[] {
    return this.#all;
  }

  add(one: SetAside): void {
    this.#all.push(one);
    this.#report(one.error.message);
  }

  /** Where a good record has taken its place. */
  forget(kind: SetAside['kind'], name: string): void {
    const at = this.#all.findIndex((one) => one.kind === kind && one.name === name);
    if (at >= 0) this.#all.splice(at, 1);
  }

  has(...kinds: readonly SetAside['kind'][]): boolean {
    return this.#all.some(({ kind }) => kinds.includes(kind));
  }

  find(kind: SetAside['kind'], name: string): SetAside | null {
    return this.#all.find((one) => one.kind === kind && one.name === name) ?? null;
  }

  /** Throws what is wrong with this one, where it is set aside. */
  refuse(kind: SetAside['kind'], name: string): void {
    const found = this.find(kind, name);
    if (found !== null) throw found.error;
  }

  /** What whoever works on a stack should know: records of it, and such that may be of it. Null: all. */
  notes(stack: string | null): readonly string[] {
    return this.#all.filter((one) => stack === null || one.stack === stack || one.stack === null).map(({ error }) => error.message);
  }

  /** Reads a record; null where it is set aside. What throws ENOENT is no record at all: that passes through. */
  read<T>({ kind, name, stack }: Omit<SetAside, 'error'>, read: () => T): T | null {
    try {
      return read();
    } catch (cause) {
      if (!(cause instanceof Error) || ('code' in cause && cause.code === 'ENOENT')) throw cause;
      const code = cause instanceof BayplanError ? cause.code : 'record-damaged';
      const what = name === '' ? kind : `${kind} ${name}`;
      this.add({ kind, name, stack, error: new BayplanError(code, `${what} is set aside: ${cause.message}`, { cause }) });
      return null;
    }
  }
}
