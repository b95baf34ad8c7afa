import { Socket } from 'node:net';
import type { Kernel } from '../kernel.ts';

/** The stdio of a program in a container, as pipes: what node itself makes for a child are sockets, which cannot be opened by a name (/dev/stdout, /proc/self/fd/0). */
export interface ExecStdio {
  /** For the program: its stdin, stdout and stderr. */
  readonly theirs: readonly [number, number, number];
  readonly stdin: Socket;
  readonly stdout: Socket;
  readonly stderr: Socket;
  /** Closes our copies of the program's ends. */
  given(): void;
  /** To be called when the program has ended: resolves when all that it, and what it started, has written was read. What nobody reads is thrown away. */
  ended(): Promise<void>;
  close(): void;
}

/** Throws KernelError where there are too many open files; nothing stays open then. */
export function execStdio(kernel: Kernel): ExecStdio {
  const pipes = openPipes(kernel);
  const theirs = [pipes.input[0], pipes.output[1], pipes.errors[1]] as const;
  const stdin = new Socket({ fd: pipes.input[1], readable: false, writable: true });
  const stdout = new Socket({ fd: pipes.output[0], readable: true, writable: false });
  const stderr = new Socket({ fd: pipes.errors[0], readable: true, writable: false });
  const closed = Promise.all([stdout, stderr].map((stream) => new Promise<void>((resolve) => void stream.once('close', () => resolve()))));
  stdin.on('error', () => undefined); // the program may end before it has read all: its exit code tells
  return {
    theirs, stdin, stdout, stderr,
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

function openPipes(kernel: Kernel): Record<'input' | 'output' | 'errors', [number, number]> {
  const open: number[] = [];
  const pipe = (): [number, number] => {
    const ends = kernel.pipe();
    open.push(...ends);
    return ends;
  };
  try {
    return { input: pipe(), output: pipe(), errors: pipe() };
  } catch (error) {
    for (const fd of open) kernel.close(fd);
    throw error;
  }
}
