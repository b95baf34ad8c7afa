import { createColors } from 'picocolors';
import type { Cli } from './cli.ts';

/** What the keys do. */
export interface MenuActions { readonly interrupt: () => void; readonly detach: () => void; readonly watch: () => void; readonly space: () => void }

const CTRL_C = '\u0003';

/** The last line of `up` on a terminal, which says which keys do something, as docker compose's `--menu`. */
export class UpMenu {
  readonly #cli: Cli;
  readonly #draw: (line: string | null) => void;
  readonly #colours: ReturnType<typeof createColors>;
  #listener: ((data: Buffer) => void) | null = null;
  #watching = false;

  /** `draw`: puts a line below all else; null: takes it away. */
  constructor(cli: Cli, draw: (line: string | null) => void, colour: boolean) {
    this.#cli = cli;
    this.#draw = draw;
    this.#colours = createColors(colour);
  }

  open({ interrupt, detach, watch, space }: MenuActions): void {
    const keys = new Map([[CTRL_C, interrupt], ['d', detach], ['w', watch], ['\r', space], ['\n', space]]);
    this.#listener = (data) => { for (const key of data.toString('latin1')) keys.get(key)?.(); };
    this.#cli.rawTerminal(true, false);
    this.#cli.stdin.on('data', this.#listener);
    this.#show();
  }

  watching(on: boolean): void {
    this.#watching = on;
    if (this.#listener !== null) this.#show();
  }

  close(): void {
    if (this.#listener === null) return;
    this.#cli.stdin.off('data', this.#listener);
    this.#cli.stdin.pause();
    this.#listener = null;
    this.#cli.rawTerminal(false);
    this.#draw(null);
  }

  #show(): void {
    const { bold, cyan } = this.#colours;
    this.#draw(`${bold('w')} ${cyan(this.#watching ? 'Disable Watch' : 'Enable Watch')}   ${bold('d')} ${cyan('Detach')}`);
  }
}
