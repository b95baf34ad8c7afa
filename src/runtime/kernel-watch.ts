import { Socket } from 'node:net';
import type { Kernel } from './kernel.ts';

/** What can be watched, and of what it is told. */
export type Watched =
  /** Links, addresses and routes of the namespace pinned there; `-PREFIX`: of the engine's own, links whose name begins so, and their addresses. Not what a carrier does. */
  | { readonly kind: 'links'; readonly of: string }
  /** Transactions of nf_tables that are not this process', but for elements of others' sets; with a detail where they change that table. */
  | { readonly kind: 'rules'; readonly of: string }
  /** Mounts of the namespace of a process, by its pid. */
  | { readonly kind: 'mounts'; readonly of: string }
  /** Processes that somebody puts into a cgroup which is none below this one, by its path in each hierarchy. */
  | { readonly kind: 'moves'; readonly of: string }
  /** What is removed or renamed from a folder. */
  | { readonly kind: 'entries'; readonly of: string }
  /** The same, and what is written in files of it. */
  | { readonly kind: 'files'; readonly of: string };

/** Who changed our table: a program's pid and name. */
export interface Culprit { readonly pid: number; readonly name: string }

interface Entry { readonly watched: Watched; readonly changed: (by: Culprit | null) => void; readonly failed: (why: string) => void }

/** The first wait before it is opened anew, doubled while that is of no use. */
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 60_000;
/** So long it has to have lasted to begin with the first wait again. */
const LASTING_MS = 10_000;
const REUSE_MS = 1000;

/** Hears that nothing is told any more, and that it is again: what has changed between is not known. */
export interface WatchLost { readonly lost: (why: string) => void; readonly again: () => void }

/** Tells what changes in the kernel, by its own events: nothing is polled. A change only says where to look. Where the events end, it begins anew with all that is to be watched. */
export class KernelWatch {
  readonly #kernel: Kernel;
  #socket: Socket | null = null;
  readonly #entries = new Map<number, Entry>();
  readonly #free: number[] = [];
  readonly #listeners: WatchLost[] = [];
  #next = 0;
  #rest = '';
  /** What the events ended with, if that was said. */
  #why = '';
  #wait = FIRST_WAIT_MS;
  #timer: NodeJS.Timeout | null = null;

  /** Throws KernelError where nothing can be watched. */
  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#open();
  }

  /** Calls `changed` after each change, or `failed` once where it cannot be watched, until the returned function is called. */
  add(watched: Watched, changed: Entry['changed'], failed: Entry['failed']): () => void {
    const token = this.#free.pop() ?? this.#next++;
    this.#entries.set(token, { watched, changed, failed });
    this.#ask(token, watched);
    return () => {
      if (!this.#entries.delete(token)) return;
      this.#socket?.write(`cancel ${token}\n`);
      // A line about it may be on its way still: its number is another's only after that.
      setTimeout(() => this.#free.push(token), REUSE_MS).unref();
    };
  }

  onLost(listener: WatchLost): void {
    this.#listeners.push(listener);
  }

  close(): void {
    this.#entries.clear();
    this.#listeners.splice(0);
    if (this.#timer !== null) clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.destroy();
  }

  #open(): void {
    const begun = Date.now();
    const socket = new Socket({ fd: this.#kernel.watch(), readable: true, writable: true });
    this.#socket = socket;
    this.#rest = '';
    this.#why = '';
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#receive(text));
    socket.on('error', (error) => { this.#why ||= error.message; }); // its end follows
    socket.on('close', () => {
      if (this.#socket !== socket) return; // closed by us
      this.#socket = null;
      if (Date.now() - begun > LASTING_MS) this.#wait = FIRST_WAIT_MS;
      this.#lose(this.#why || 'they have ended');
    });
    socket.unref();
  }

  #lose(why: string): void {
    for (const { lost } of this.#listeners) lost(why);
    this.#timer = setTimeout(() => this.#openAgain(), this.#wait).unref();
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
  }

  #openAgain(): void {
    this.#timer = null;
    try {
      this.#open();
    } catch (error) {
      this.#lose(error instanceof Error ? error.message : String(error));
      return;
    }
    for (const [token, { watched }] of this.#entries) this.#ask(token, watched);
    for (const { again } of this.#listeners) again();
  }

  #ask(token: number, { kind, of }: Watched): void {
    this.#socket?.write(`${kind} ${token} ${of}\n`);
  }

  #receive(text: string): void {
    const lines = `${this.#rest}${text}`.split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const [token = '', word = '', ...more] = line.split(' ');
      if (token === '!') this.#why = [word, ...more].join(' ');
      const entry = this.#entries.get(Number(token));
      if (entry === undefined) continue;
      if (word === '!') entry.failed(more.join(' '));
      else entry.changed(word === 'own' ? { pid: Number(more[0]), name: more.slice(1).join(' ') } : null);
    }
  }
}
