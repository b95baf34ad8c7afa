import { Socket } from 'node:net';
import type { Kernel } from './kernel.ts';

/** What can be watched, and of what it is told. */
export type Watched =
  /** Links, addresses and routes of the namespace pinned there; `-`: links and addresses of the engine's. */
  | { readonly kind: 'links'; readonly of: string }
  /** Transactions of nf_tables that are not this process'; with a detail where they change that table. */
  | { readonly kind: 'rules'; readonly of: string }
  /** Mounts of the namespace of a process, by its pid. */
  | { readonly kind: 'mounts'; readonly of: string }
  /** What is removed or renamed from a folder. */
  | { readonly kind: 'entries'; readonly of: string }
  /** The same, and what is written in files of it. */
  | { readonly kind: 'files'; readonly of: string };

/** Who changed our table: a program's pid and name. */
export interface Culprit { readonly pid: number; readonly name: string }

interface Entry { readonly changed: (by: Culprit | null) => void; readonly failed: (why: string) => void }

/** Tells what changes in the kernel, by its own events: nothing is polled. A change only says where to look. */
export class KernelWatch {
  readonly #socket: Socket;
  readonly #entries = new Map<number, Entry>();
  readonly #free: number[] = [];
  #next = 0;
  #rest = '';

  constructor(kernel: Kernel) {
    this.#socket = new Socket({ fd: kernel.watch(), readable: true, writable: true });
    this.#socket.setEncoding('utf8');
    this.#socket.on('data', (text: string) => this.#receive(text));
    this.#socket.on('error', () => undefined); // it is closed by us alone
    this.#socket.unref();
  }

  /** Calls `changed` after each change, or `failed` once where it cannot be watched, until the returned function is called. */
  add({ kind, of }: Watched, changed: Entry['changed'], failed: Entry['failed']): () => void {
    const token = this.#free.pop() ?? this.#next++;
    this.#entries.set(token, { changed, failed });
    this.#socket.write(`${kind} ${token} ${of}\n`);
    return () => {
      if (!this.#entries.delete(token)) return;
      this.#socket.write(`cancel ${token}\n`);
      // A line about it may be on its way still: its number is another's only after that.
      setTimeout(() => this.#free.push(token), REUSE_MS).unref();
    };
  }

  close(): void {
    this.#entries.clear();
    this.#socket.destroy();
  }

  #receive(text: string): void {
    const lines = `${this.#rest}${text}`.split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const [token = '', word = '', ...more] = line.split(' ');
      const entry = this.#entries.get(Number(token));
      if (entry === undefined) continue;
      if (word === '!') entry.failed(more.join(' '));
      else entry.changed(word === 'own' ? { pid: Number(more[0]), name: more.slice(1).join(' ') } : null);
    }
  }
}

const REUSE_MS = 1000;
