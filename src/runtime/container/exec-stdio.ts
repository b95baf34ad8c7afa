import { Socket } from 'node:net';
import type { Kernel } from '../kernel.ts';

/** What `bayplan-core enter` has of descriptors, in the order of their numbers. */
export const ENDS = ['stdin', 'stdout', 'stderr', 'control', 'started', 'engine'] as const;

/** The stdio of a program in a container, as pipes (sockets, as Node makes them for a child, cannot be opened by a name: /dev/stdout, /proc/self/fd/0), and what we and the core tell each other. */
export interface ExecStdio {
  /** The program's and the core's ends. */
  readonly theirs: Readonly<Partial<Record<(typeof ENDS)[number], number>>>;
  readonly stdin: Socket;
  readonly stdout: Socket;
  readonly stderr: Socket;
  /** Takes requests for the terminal; null: there is none. */
  readonly control: Socket | null;
  /** Takes letters: K kills, I interrupts. */
  readonly engine: Socket;
  /** Whether it runs; true where that was not asked for. */
  readonly started: Promise<boolean>;
  /** Closes our copies of their ends. */
  given(): void;
  /** The program's exit code, once all that it, and what it started, has written was read. What nobody reads is thrown away. 128 + SIGKILL where the core itself was killed. */
  ended(): Promise<number>;
  close(): void;
}

const KILLED = 128 + 9;

/** Throws KernelError where there are too many open files; nothing stays open then. */
export function execStdio(kernel: Kernel, { tty, detached }: { readonly tty: boolean; readonly detached: boolean }): ExecStdio {
  const { theirs, ours } = openEnds(kernel, tty, detached);
  const stdin = new Socket({ fd: ours.stdin, readable: false, writable: true });
  const stdout = new Socket({ fd: ours.stdout, readable: true, writable: false });
  const stderr = new Socket({ fd: ours.stderr, readable: true, writable: false });
  const control = ours.control === undefined ? null : new Socket({ fd: ours.control, readable: false, writable: true });
  const engine = new Socket({ fd: ours.engine, readable: true, writable: true });
  const closed = Promise.all([stdout, stderr].map(closeOf));
  for (const socket of [stdin, engine, ...(control === null ? [] : [control])]) socket.on('error', () => undefined); // the program may end before it has read all: its exit code tells
  const said = textOf(engine);
  const started = ours.started === undefined ? Promise.resolve(true) : textOf(new Socket({ fd: ours.started, readable: true, writable: false })).then((text) => text === '\n'); // a newline and the end
  return {
    theirs, stdin, stdout, stderr, control, engine, started,
    given: () => { for (const fd of Object.values(theirs)) kernel.close(fd); },
    ended: async () => {
      const code = /^exit (\d+)\n$/.exec(await said)?.[1];
      stdin.destroy();
      control?.destroy();
      stdout.resume();
      stderr.resume();
      await closed;
      return code === undefined ? KILLED : Number(code);
    },
    close: () => { for (const stream of [stdin, stdout, stderr, engine, control]) stream?.destroy(); },
  };
}

async function closeOf(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => void socket.once('close', () => resolve()));
}

async function textOf(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (data) => { text += data.toString('latin1'); });
  await closeOf(socket);
  return text;
}

type Ends = Partial<Record<(typeof ENDS)[number], number>>;

function openEnds(kernel: Kernel, tty: boolean, detached: boolean): { readonly theirs: Ends; readonly ours: Ends & Record<'stdin' | 'stdout' | 'stderr' | 'engine', number> } {
  const open: number[] = [];
  const kept = (ends: [number, number]): [number, number] => {
    open.push(...ends);
    return ends;
  };
  try {
    const [[input, stdin], [stdout, output], [stderr, errors], [engine, told]] = [kept(kernel.pipe()), kept(kernel.pipe()), kept(kernel.pipe()), kept(kernel.socketPair())];
    const [control, controlled] = tty ? kept(kernel.socketPair()) : [undefined, undefined];
    const [started, starts] = detached ? kept(kernel.pipe()) : [undefined, undefined];
    const some = (more: Readonly<Record<string, number | undefined>>): Ends => Object.fromEntries(Object.entries(more).filter(([, fd]) => fd !== undefined));
    return { theirs: { stdin: input, stdout: output, stderr: errors, ...some({ control: controlled, started: starts }), engine: told }, ours: { stdin, stdout, stderr, ...some({ control, started }), engine } };
  } catch (error) {
    for (const fd of open) kernel.close(fd);
    throw error;
  }
}
