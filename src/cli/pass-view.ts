import type { PassEvent } from '../state/messages.ts';
import type { Cli } from './cli.ts';
import { LivePass } from './live-pass.ts';
import { PassPrinter } from './pass-printer.ts';
import type { ProgressMode } from './progress-mode.ts';

/** Shows what a pass does. */
export interface PassView {
  event(event: PassEvent): void;
  /** Writes something else, which must not end up in the middle of what is shown. */
  print(text: string | Buffer): void;
  /** A line of the command's own about the pass, where such lines are shown. */
  note(line: string): void;
  /** Number of steps that were done. */
  readonly done: number;
  /** Exit status, after what went wrong. */
  finish(): number;
  /** Takes away what is shown only for the moment. */
  close(): void;
}

/** `withoutParts`: it is not shown how far a step is. */
export function passView(mode: ProgressMode, cli: Cli, withoutParts = false): PassView {
  const write = (text: string | Buffer): void => void cli.stdout.write(text);
  if (isLive(mode, cli)) return livePassOn(cli, withoutParts);
  if (mode === 'json') return new JsonPass(write);
  return new PassPrinter(write, mode === 'quiet');
}

export function isLive(mode: ProgressMode, { stdout, env }: Cli): boolean {
  return mode === 'tty' || (mode === 'auto' && stdout.isTTY === true && env['TERM'] !== 'dumb');
}

export function livePassOn({ stdout, env }: Cli, withoutParts = false): LivePass {
  return new LivePass({
    write: (text) => void stdout.write(text), size: () => ({ columns: stdout.columns ?? 80, rows: stdout.rows ?? 24 }), colour: !env['NO_COLOR'], now: () => performance.now(), withoutParts,
  });
}

/** The events themselves, a line each; what went wrong is in the last one. */
class JsonPass extends PassPrinter {
  readonly #out: (text: string | Buffer) => void;

  constructor(write: (text: string | Buffer) => void) {
    super(() => undefined);
    this.#out = write;
  }

  override event(event: PassEvent): void {
    super.event(event);
    this.#out(`${JSON.stringify(event)}\n`);
  }

  override print(text: string | Buffer): void {
    this.#out(text);
  }
}
