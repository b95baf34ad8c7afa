import { spawn, spawnSync } from 'node:child_process';

export interface Ended { readonly status: number; readonly out: string; readonly err: string }

/** Null where the stock client is on this machine. */
export const dockerMissing: string | null = spawnSync('docker', ['--version']).status === 0 ? null : 'no docker client';

/** The stock client against the engine on `socket`; `home` has its configuration. Runs a command to its end. */
export function dockerClient(socket: string, home: string): (args: readonly string[], input?: string | Buffer) => Promise<Ended> {
  return async (args, input = '') => {
    const child = spawn('docker', ['-H', `unix://${socket}`, ...args], { env: { PATH: process.env['PATH'], HOME: home } });
    const out: Buffer[] = [];
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk) => { err += String(chunk); });
    child.stdin.on('error', () => undefined); // a client that has enough closes it
    child.stdin.end(input);
    return await new Promise((resolve) => child.once('close', (code) => resolve({ status: code ?? -1, out: Buffer.concat(out).toString(), err })));
  };
}

/** What a command that does not end by itself has written by now, and its end. */
export interface Listener { readonly heard: () => string; readonly end: () => Promise<void> }

/** The stock client likewise, for commands that go on until they are ended. */
export function dockerListener(socket: string, home: string): (args: readonly string[]) => Listener {
  return (args) => {
    const child = spawn('docker', ['-H', `unix://${socket}`, ...args], { env: { PATH: process.env['PATH'], HOME: home }, stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => { text += String(chunk); });
    return { heard: () => text, end: async () => { child.kill('SIGKILL'); await ended; } };
  };
}
