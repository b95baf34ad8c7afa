import { stepLine } from '../plan/print.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { PassEvent } from '../state/messages.ts';
import type { Step } from '../state/plan.ts';
import { printable } from './printable.ts';

/** Prints what a pass does, a line a step as it ends, and at its end what went wrong. */
export class PassPrinter {
  readonly #write: (text: string | Buffer) => void;
  readonly #quiet: boolean;
  readonly #steps = new Map<string, Step>();
  readonly #notes = new Set<string>();
  readonly #failed: string[] = [];
  /** Lines on steps that were left out for what failed, kept back until it is known that there is anything that was not left out. */
  readonly #skipped: string[] = [];
  #done = 0;
  #changed = false;
  #end: Extract<PassEvent, { type: 'end' }> | null = null;

  /** `quiet`: only what goes wrong. */
  constructor(write: (text: string | Buffer) => void, quiet = false) {
    this.#write = write;
    this.#quiet = quiet;
  }

  event(event: PassEvent): void {
    if (event.type === 'end') this.#end = event;
    else if (event.type === 'plan') {
      for (const step of event.plan.steps) this.#steps.set(step.id, step);
      for (const note of event.plan.notes) this.#note(note);
    } else if (event.type === 'step') this.#step(event);
    else if (event.why !== undefined) this.note(`${event.id}: ${printable(event.why)}`); // how far a step is otherwise, is for terminals
  }

  /** Number of steps that were done. */
  get done(): number {
    return this.#done;
  }

  /** A line of the command's own about the pass. */
  note(line: string): void {
    if (!this.#quiet) this.#write(`${line}\n`);
  }

  print(text: string | Buffer): void {
    this.#write(text);
  }

  close(): void {
    // Nothing of it is for the moment.
  }

  /** Exit status, after the summary of what failed. */
  finish(): number {
    if (this.#end === null) throw new BayplanError('engine-gone', 'the engine ended before the work was done: run the command again, it goes on from there');
    if (this.#end.ok) return 0;
    const { message } = this.#end;
    const count = this.#failed.length;
    // What only repeats the steps' own lines is said in short; where nothing else was done, they have said it all.
    const repeats = count > 0 && message === this.#failed.join('\n');
    if (repeats && !this.#changed) return 1;
    this.#release();
    const told = repeats ? `${count} step${count === 1 ? '' : 's'} failed` : message;
    for (const line of told.split('\n')) if (line !== '') this.#write(`bayplan: ${printable(line)}\n`);
    return 1;
  }

  #release(): void {
    this.#changed = true;
    for (const line of this.#skipped.splice(0)) this.#write(line);
  }

  #note(note: string): void {
    if (this.#notes.has(note)) return; // each time the pass plans, it notes the same
    this.#notes.add(note);
    if (!this.#quiet) this.#write(`note: ${note}\n`);
  }

  #step(event: Extract<PassEvent, { type: 'step' }>): void {
    const step = this.#steps.get(event.id);
    switch (event.state) {
      case 'started': return;
      case 'done':
        this.#done++;
        if (step?.action !== 'pull-image') this.#release();
        if (event.message !== '') return this.#write(`warning: an optional dependency failed: ${printable(event.message)}\n`);
        if (!this.#quiet) this.#write(`${step === undefined ? event.id : stepLine(step)}\n`);
        return;
      case 'failed':
        this.#failed.push(`${event.id}: ${event.message}`);
        return this.#write(`failed: ${event.id}: ${printable(event.message)}\n`);
      case 'skipped':
        this.#skipped.push(`skipped: ${event.id}: ${printable(event.message)}\n`);
        if (this.#changed) this.#release();
        return;
      case 'cancelled': return this.#write(`cancelled: ${event.id}${event.message === '' ? '' : `: ${printable(event.message)}`}\n`);
    }
  }
}
