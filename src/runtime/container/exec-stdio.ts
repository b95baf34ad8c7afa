import { Socket } from 'node:net';
import type { Kernel } from '../kernel.ts';

/** The stdio of a program in a container, as pipes: what node itself makes for a child are sockets, which cannot be opened by a name (/dev/stdout, /proc/self/fd/0). */
export interface ExecStdio {
  /** For the program: its stdin, stdout and stderr, and where that was asked for what is told of its start. */
  readonly theirs: readonly number[];
  readonly stdin: Socket;
  readonly stdout: Socket;
  readonly stderr: Socket;
  /** Whether it runs; true where that was not asked for. */
  readonly started: Promise<boolean>;
  /** Closes our copies of the program's ends. */
  given(): void;
  /** To be called when the program has ended: resolves when all that it, and what it started, has written was read. What nobody reads is thrown away. */
  ended(): Promise<void>;
  close(): void;
}

/** Throws KernelError where there are too many open files; nothing stays open then. */
export function execStdio(kernel: Kernel, startTold: boolean): ExecStdio {
  const pipes = openPipes(kernel, startTold);
  const theirs = [pipes.input[0], pipes.output[1], pipes.errors[1], ...(pipes.start === null ? [] : [pipes.start[1]])];
  const stdin = new Socket({ fd: pipes.input[1], readable: false, writable: true });
  const stdout = new Socket({ fd: pipes.output[0], readable: true, writable: false });
  const stderr = new Socket({ fd: pipes.errors[0], readable: true, writable: false });
  const closed = Promise.all([stdout, stderr].map((stream) => new Promise<void>((resolve) => void stream.once('close', () => resolve()))));
  stdin.on('error', () => undefined); // the program may end before it has read all: its exit code tells
  return {
    theirs, stdin, stdout, stderr, started: pipes.start === null ? Promise.resolve(true) : told(pipes.start[0]),
    given: () => {
      for (const fd of theirs) kernel.close(fd);
    },
    ended: async () => {
      stdin.destroy();
      stdout.resume();
      stderr.resume();
      await closed;
    },
    close: () => {
      for (const stream of [stdin, stdout, stderr]) stream.destroy();
    },
  };
}

/** A newline and the end: the program runs. */
async function told(fd: number): Promise<boolean> {
  let text = '';
  const start = new Socket({ fd, readable: true, writable: false }).on('data', (data) => {
    text += data.toString('latin1');
  });
  await new Promise<void>((resolve) => void start.once('close', () => resolve()));
  return text === '\n';
}

function openPipes(kernel: Kernel, start: boolean): Record<'input' | 'output' | 'errors', [number, number]> & { start: [number, number] | null } {
  const open: number[] = [];
  const pipe = (): [number, number] => {
    const ends = kernel.pipe();
    open.push(...ends);
    return ends;
  };
  try {
    return { input: pipe(), output: pipe(), errors: pipe(), start: start ? pipe() : null };
  } catch (error) {
    for (const fd of open) kernel.close(fd);
    throw error;
  }
}
