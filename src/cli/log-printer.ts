import { createColors } from 'picocolors';
import type { LogLine } from '../state/messages.ts';

const COLOURS = ['cyan', 'yellow', 'green', 'magenta', 'blue', 'cyanBright', 'yellowBright', 'greenBright', 'magentaBright', 'blueBright'] as const;

/** Prints log lines behind their container's name, each name in a colour of its own: `web-1  | line`. */
export class LogPrinter {
  readonly #stack: string;
  readonly #options: { readonly colour: boolean; readonly prefix: boolean; readonly timestamps: boolean };
  readonly #colours: ReturnType<typeof createColors>;
  readonly #names = new Map<string, (text: string) => string>();
  #width = 0;
  /** Whose line was printed without its end. */
  #open: Pick<LogLine, 'container' | 'stream' | 'hook'> | null = null;

  constructor(stack: string, options: { readonly colour: boolean; readonly prefix: boolean; readonly timestamps: boolean }) {
    this.#stack = stack;
    this.#options = options;
    this.#colours = createColors(options.colour);
  }

  /** Makes room for names before their first line, so that columns stay aligned. */
  expect(containers: readonly string[]): void {
    for (const container of containers) this.#width = Math.max(this.#width, this.#shorten(container).length);
  }

  /** The bytes to print for a line, as they were written in the container, or for a part of one. */
  line(line: LogLine): Buffer {
    const goesOn = this.#open?.container === line.container && this.#open.stream === line.stream && this.#open.hook === line.hook;
    const before = goesOn ? '' : `${this.#open === null ? '' : '\n'}${this.#prefix(line)}`;
    this.#open = line.partial === true ? line : null;
    return Buffer.concat([Buffer.from(before), line.base64 === undefined ? Buffer.from(line.line) : Buffer.from(line.base64, 'base64'), Buffer.from(line.partial === true ? '' : '\n')]);
  }

  /** That a container has ended. */
  end(container: string, code: number): string {
    const before = this.#open === null ? '' : '\n';
    this.#open = null;
    return `${before}${this.#shorten(container)} exited with code ${code}\n`;
  }

  #prefix({ container, time, nanoseconds, hook }: LogLine): string {
    const stamp = this.#options.timestamps ? `${new Date(time).toISOString().slice(0, -1)}${nanoseconds === undefined ? '' : String(nanoseconds).padStart(6, '0')}Z ` : '';
    if (!this.#options.prefix) return stamp;
    this.expect([container]);
    let paint = this.#names.get(container);
    if (paint === undefined) {
      paint = this.#colours[COLOURS[this.#names.size % COLOURS.length] ?? 'cyan'];
      this.#names.set(container, paint);
    }
    return `${paint(`${`${this.#shorten(container)}${hook === true ? ' ->' : ''}`.padEnd(this.#width)}  | `)}${stamp}`;
  }

  #shorten(container: string): string {
    return container.startsWith(`${this.#stack}-`) ? container.slice(this.#stack.length + 1) : container;
  }
}
