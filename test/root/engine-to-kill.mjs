// An engine in a process of its own, for tests that kill it. Argument: a file with { root, name, request, killAt, idle }: `request` null takes the stack
// down, and with `idle` nothing is asked of it and it stays; at the event number `killAt` (1 is the first; null: never) the process kills itself, before anything else can run. Every event is a line.
import { readFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';

const { createEngine } = createRequire(import.meta.url)('../../build/index.cjs');
const { root, name, request, killAt, idle } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
writeSync(1, '{"type":"opening"}\n');
const running = await createEngine({ root, report: (line) => writeSync(2, `${line}\n`) });
let events = 0;
const onEvent = (event) => {
  writeSync(1, `${JSON.stringify(event)}\n`);
  if (++events === killAt) process.kill(process.pid, 'SIGKILL');
};
const { signal } = new AbortController();
if (idle) await new Promise(() => setInterval(() => undefined, 1000));
if (request === null) await running.engine.removeStack(name, { volumes: false, stopTimeoutSeconds: null }, onEvent, signal);
else await running.engine.applyStack(name, request, { wait: false }, onEvent, signal);
await running.close();
