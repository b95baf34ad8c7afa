import { createColors } from 'picocolors';
import type { PartProgress, PartState, PassEvent } from '../state/messages.ts';
import { humanSize } from './human-size.ts';
import { PassPrinter } from './pass-printer.ts';

export interface Screen {
  readonly write: (text: string | Buffer) => void;
  readonly size: () => { readonly columns: number; readonly rows: number };
  readonly colour: boolean;
  /** ms on any steady clock. */
  readonly now: () => number;
  /** It is not shown how far a step is. */
  readonly withoutParts?: boolean;
}

/** A layer on its way, and since when and from where its rate is measured. */
interface Part { readonly latest: PartProgress; readonly since: number; readonly from: number }
interface Running { readonly since: number; readonly parts: Map<string, Part> }

const REDRAW_MS = 100;
const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const MOVING: readonly string[] = ['downloading', 'retrying', 'unpacking', 'uploading'];

/** A pass on a terminal: what is done scrolls by as plain lines, and below stands what is being done at the moment, with each layer's bytes and rate. */
export class LivePass {
  readonly #screen: Screen;
  readonly #plain: PassPrinter;
  readonly #running = new Map<string, Running>();
  readonly #colours: ReturnType<typeof createColors>;
  readonly #timer: NodeJS.Timeout;
  #drawn = 0;
  #turn = 0;
  #menu: string | null = null;

  constructor(screen: Screen) {
    this.#screen = screen;
    this.#colours = createColors(screen.colour);
    this.#plain = new PassPrinter((text) => this.print(text));
    this.#timer = setInterval(() => {
      this.#turn++;
      this.#show('');
    }, REDRAW_MS).unref();
  }

  get done(): number {
    return this.#plain.done;
  }

  event(event: PassEvent): void {
    if (event.type === 'progress') {
      if (this.#screen.withoutParts !== true) this.#progress(event.id, event);
    }
    else if (event.type === 'step' && event.state === 'started') this.begin(event.id);
    else if (event.type === 'step') this.drop(event.id);
    this.#plain.event(event);
  }

  /** Draws work until it is dropped, which says nothing by itself. */
  begin(id: string): void {
    this.#running.set(id, { since: this.#screen.now(), parts: new Map() });
  }

  /** How far a part of it is; where that is not told anew, it is as far as it was. */
  part(id: string, part: string, state: PartState, { current, total }: Partial<Pick<PartProgress, 'current' | 'total'>> = {}): void {
    const before = this.#running.get(id)?.parts.get(part)?.latest;
    this.#progress(id, { part, state, current: current ?? before?.current ?? 0, total: total ?? before?.total ?? 0 });
  }

  drop(id: string): void {
    this.#running.delete(id);
  }

  /** Above what is shown for the moment. */
  print(text: string | Buffer): void {
    this.#show(text);
  }

  /** A line that stays below all else, until there is another; null: none. */
  menu(line: string | null): void {
    this.#menu = line;
    this.#show('');
  }

  note(line: string): void {
    this.#plain.note(line);
  }

  finish(): number {
    this.close();
    return this.#plain.finish();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#running.clear();
    this.#show('');
  }

  #progress(id: string, { part, state, current, total }: PartProgress): void {
    if (part === '') return;
    const progress = { part, state, current, total };
    const parts = this.#running.get(id)?.parts;
    const before = parts?.get(progress.part);
    const begins = before === undefined || before.latest.state !== progress.state;
    parts?.set(progress.part, { latest: progress, since: begins ? this.#screen.now() : before.since, from: begins ? progress.current : before.from });
  }

  /** One write, so that nothing flickers: what was drawn goes, `text` stays, and what runs now is drawn below it. */
  #show(text: string | Buffer): void {
    const { columns, rows } = this.#screen.size();
    const lines = [...this.#running].flatMap(([id, running]) => this.#linesOf(id, running)).slice(0, Math.max(0, rows - (this.#menu === null ? 1 : 2))).map((line) => this.#colours.cyan(clip(line, columns - 1)));
    if (this.#menu !== null && rows > 1) lines.push(this.#menu);
    if (this.#drawn === 0 && lines.length === 0 && text.length === 0) return;
    const up = this.#drawn === 0 ? '' : `\x1b[${this.#drawn}A\r\x1b[J`;
    const below = lines.map((line) => `${line}\n`).join('');
    this.#screen.write(typeof text === 'string' ? up + text + below : Buffer.concat([Buffer.from(up), text, Buffer.from(below)]));
    this.#drawn = lines.length;
  }

  #linesOf(id: string, { since, parts }: Running): readonly string[] {
    const now = this.#screen.now();
    const head = `${SPINNER[this.#turn % SPINNER.length] ?? ''} ${id}`;
    const elapsed = `${((now - since) / 1000).toFixed(1)}s`;
    if (parts.size === 0) return [`${head}  ${elapsed}`];
    const all = [...parts.values()];
    const finished = all.filter(({ latest }) => !MOVING.includes(latest.state) && latest.state !== 'waiting').length;
    return [`${head}  ${finished} of ${all.length} layers  ${elapsed}`, ...all.filter(({ latest }) => MOVING.includes(latest.state)).map((part) => `    ${partLine(part, now)}`)];
  }
}

function partLine({ latest, since, from }: Part, now: number): string {
  const name = latest.part.replace(/^sha256:/, '').slice(0, 12);
  const seconds = (now - since) / 1000;
  const rate = seconds > 0 && latest.current > from ? `  ${humanSize((latest.current - from) / seconds)}/s` : '';
  return `${name}  ${latest.state}  ${humanSize(latest.current)}${latest.total > 0 ? ` / ${humanSize(latest.total)}` : ''}${rate}`;
}

/** A line that wraps would be counted as one and leave its rest on the screen. */
function clip(line: string, columns: number): string {
  return [...line].slice(0, Math.max(0, columns)).join('');
}
