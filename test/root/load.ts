import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { top } from './harness.ts';

/** What `wrk` has counted. */
export interface Load { readonly requests: number; readonly failed: number; readonly text: string }

/** Asks for the page over and over while `work` goes on: with a connection for each request, or with connections that are kept. */
export async function underLoad(url: string, connection: 'close' | 'keep-alive', work: () => Promise<void>): Promise<Load> {
  const child = spawn('wrk', ['-t', '1', '-c', '8', '-d', '10m', '--timeout', '10s', '-H', `Connection: ${connection}`, url], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (data: Buffer) => { text += data.toString(); });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve());
  });
  try {
    await work();
  } finally {
    child.kill('SIGINT'); // it stops and says what it has seen
    await ended;
  }
  const requests = Number(/(\d+) requests in/.exec(text)?.[1] ?? 0);
  const errors = [.../Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)?.slice(1) ?? [], /Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? '0'];
  return { requests, failed: errors.reduce((sum, count) => sum + Number(count), 0), text };
}

/** A server that ends gracefully, as a static program below `folder`. */
export function gracefulServer(folder: string): string {
  const path = join(folder, 'server');
  execFileSync('cc', ['-O2', '-static', '-pthread', '-Wall', '-Wextra', '-Werror', '-o', path, join(top, 'test/root/graceful-server.c')]);
  return path;
}

/** A service of that server, as its updates need it. `grace`: so long last connections that are kept, when their container is to go; others end by themselves, where a processor is free. */
export interface Web { readonly text?: string; readonly grace?: string; readonly replicas?: number; readonly update?: string; readonly command?: string; readonly more?: string }

export function webStack(port: number, server: string, { text = 'one', grace = '20s', replicas = 2, update = '', command = `["/server", "80", "${text}"]`, more = '' }: Web): string {
  return `
services:
  web:
    image: bayplan/hello
    command: ${command}
    volumes: ["${server}:/server:ro"${more}]
    stop_grace_period: ${grace}
    ports: ["${port}:80"]
    healthcheck: { test: [CMD, wget, "-q", "-O", "/dev/null", "http://127.0.0.1/"], interval: 1s, start_interval: 50ms, retries: 2 }
    deploy: { replicas: ${replicas}, update_config: { ${update} } }
`;
}
