import { setTimeout as sleep } from 'node:timers/promises';
import type { EngineClient } from '../client/engine-client.ts';
import type { StackRequest } from '../state/messages.ts';
import type { Cli } from './cli.ts';
import { LogPrinter } from './log-printer.ts';
import type { PassView } from './pass-view.ts';
import { stopOrder } from './stop-order.ts';

/** What the services wrote at their end is shown for so long after an interrupt at the most. */
const DRAIN_MS = 5000;
const INTERRUPTED = 130;

/**
 * `up` without `-d`: shows the services' output until all of them have ended. Ctrl-C stops them, dependents first; a second one
 * kills them.
 */
export async function runInForeground(name: string, request: StackRequest, client: EngineClient, view: PassView, cli: Cli): Promise<number> {
  const began = Date.now();
  const passing = new AbortController();
  const watching = new AbortController();
  let interrupts = 0;
  const stops: Promise<void>[] = [];
  let interrupted = (): void => undefined;
  const stopping = new Promise<void>((resolve) => {
    interrupted = resolve;
  });
  const release = cli.onInterrupt(() => {
    interrupts++;
    if (interrupts > 2) return;
    interrupted();
    if (interrupts === 1) {
      cli.stderr.write('Stopping the services… (Ctrl-C again kills them)\n');
      passing.abort();
    }
    const stop = interrupts === 1 ? stopAll(name, request, client) : killAll(name, client);
    stop.catch(() => undefined); // awaited below; until then it must not count as unhandled
    stops.push(stop);
  });
  const output = new LogPrinter(name, { colour: cli.stdout.isTTY === true && !cli.env['NO_COLOR'], prefix: true, timestamps: false });
  const show = async (): Promise<void> => {
    output.expect(Object.entries(request.desired.services).map(([service, { containerName }]) => (containerName === '' ? `${name}-${service}-1` : containerName)));
    for await (const line of client.stackLogs(name, { services: [], follow: true, end: true, tail: 'all', since: began }, watching.signal)) view.print(output.line(line));
  };
  let following: Promise<void> | null = null;
  try {
    try {
      for await (const event of client.applyStack(name, request, { wait: false, attached: true }, passing.signal)) {
        view.event(event);
        // By the first plan the engine knows the stack, and nothing has been started yet.
        if (event.type === 'plan') following ??= show();
        following?.catch(() => undefined);
      }
      const status = view.finish();
      if (status !== 0 && interrupts === 0) return status;
    } catch (error) {
      if (interrupts === 0) throw error;
    }
    following ??= show();
    await Promise.race([following, stopping]);
    for (const stop of stops) await stop; // a second Ctrl-C adds to them meanwhile
    if (interrupts > 0) await Promise.race([following, sleep(DRAIN_MS, undefined, { ref: false })]);
    return interrupts > 0 ? INTERRUPTED : 0;
  } finally {
    watching.abort();
    await following?.catch(() => undefined); // cut off just now; what went wrong before was thrown above
    release();
  }
}

async function stopAll(name: string, request: StackRequest, client: EngineClient): Promise<void> {
  const running = await client.containers(name, true);
  const groups = stopOrder(request.desired.services);
  const named = new Set(groups.flat());
  const others = running.map(({ Bayplan }) => Bayplan.service).filter((service) => !named.has(service));
  for (const group of [...groups, others]) {
    const members = running.filter(({ Bayplan, State }) => group.includes(Bayplan.service) && (State === 'running' || State === 'restarting'));
    await Promise.all(members.map(({ Id }) => client.stopContainer(Id)));
  }
}

async function killAll(name: string, client: EngineClient): Promise<void> {
  const running = await client.containers(name, false);
  await Promise.all(running.map(async ({ Id }) => client.killContainer(Id).catch(() => undefined))); // one that has just ended cannot be killed
}
