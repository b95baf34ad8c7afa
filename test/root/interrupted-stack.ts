import { expect } from 'vitest';
import { eventually, type Machine } from './harness.ts';
import { countedOutput } from './interrupted.ts';

/** Containers of the stack that end by themselves. */
export const ENDS = ['demo-migrate-1'];
/** Those that print 0, 1, 2 …, so that a line lost or written twice is seen. */
export const COUNTING = ['demo-db-1', 'demo-web-1'];

/**
 * What engines are killed over: ports, a volume, a health check, one that runs to its end, and both conditions between them. `web` are further lines of that
 * service, `services` and `end` of the file.
 */
export function stackToInterrupt(countEveryUs: number, more: { readonly web?: string; readonly services?: string; readonly end?: string } = {}): string {
  const count = `i=0; while true; do echo $$i; i=$$((i+1)); usleep ${countEveryUs}; done`;
  return `
services:
  db:
    image: bayplan/hello
    command: ["sh", "-c", "touch /data/ready; ${count}"]
    stop_signal: SIGKILL
    healthcheck: { test: [CMD, test, -e, /data/ready], interval: 100ms }
    volumes: ["data:/data"]
  migrate: { image: bayplan/hello, command: [echo, migrated], depends_on: { db: { condition: service_healthy } } }
  web:
    image: bayplan/hello
    command: ["sh", "-c", "httpd -p 80 -h /etc; ${count}"]
    stop_signal: SIGKILL
    ports: ["80"]
    depends_on: { db: { condition: service_started }, migrate: { condition: service_completed_successfully } }
${more.web ?? ''}${more.services ?? ''}volumes: {data: }
${more.end ?? ''}`;
}

/** The published port and these names are as if nothing had happened. */
export async function answers(machine: Machine, names: readonly string[]): Promise<void> {
  const port = machine.engine.container('demo-web-1').status?.ports[0]?.published;
  await eventually(async () => expect((await fetch(`http://127.0.0.1:${port}/hostname`)).status).toBe(200));
  for (const name of names) expect((await machine.exec('demo-web-1', 'nslookup', '-type=a', name, '127.0.0.11')).code).toBe(0);
}

/** The container's output is whole and goes on. */
export async function goesOn(machine: Machine, name: string, runs = 1): Promise<void> {
  const lines = await countedOutput(machine, name, runs);
  await eventually(async () => expect(await countedOutput(machine, name, runs)).toBeGreaterThan(lines));
}
