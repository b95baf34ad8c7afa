import { setTimeout as sleep } from 'node:timers/promises';
import { nameOf } from '../client/container-summary.ts';
import type { EngineClient } from '../client/engine-client.ts';
import type { LogLine, StackRequest } from '../state/messages.ts';
import { replicaName } from '../state/replica-name.ts';
import type { Desired } from '../state/state.ts';
import type { Cli } from './cli.ts';
import { LogPrinter } from './log-printer.ts';
import { noService } from './no-service.ts';
import type { PassView } from './pass-view.ts';
import { stopOrder } from './stop-order.ts';
import type { UpMenu } from './up-menu.ts';
import type { Watching, WatchSwitch } from './watch-switch.ts';

/** What the services wrote at their end is shown for so long after an interrupt at the most. */
const DRAIN_MS = 5000;
/** Nothing more comes after so long without a line. */
const QUIET_MS = 200;
const INTERRUPTED = 130;
const STARTED = 'start-container ';

interface End { readonly container: string; readonly code: number }

export interface ForegroundOptions {
  /** Whose output is shown. */
  readonly services: readonly string[];
  /** Those that were named: with the last end of theirs it is over, and they are what is stopped in the end, whatever else goes on. Empty: all of the file. */
  readonly named: readonly string[];
  /** What ends all: nothing, the first end of a container, the first that is a failure. */
  readonly abort: 'never' | 'exit' | 'failure';
  /** The service whose status is the command's; null: that of whichever ended first. */
  readonly exitCodeFrom: string | null;
  readonly colour: boolean;
  readonly prefix: boolean;
  readonly timestamps: boolean;
  /** What goes on beside the services once they are up, and with it they are not waited for to end. `desired`: what the stack is by now. */
  readonly watch: Watching | null;
  /** Keys that do something, and what turns a watch on and off. */
  readonly menu: { readonly keys: UpMenu; readonly watch: WatchSwitch; readonly atOnce: boolean } | null;
}

/**
 * `up` without `-d`: shows the services' output until all of them have ended. Ctrl-C stops them, dependents first; a second one
 * kills them.
 */
export async function runInForeground(name: string, request: StackRequest, client: EngineClient, view: PassView, options: ForegroundOptions, cli: Cli): Promise<number> {
  if (options.exitCodeFrom !== null && request.desired.services[options.exitCodeFrom] === undefined) throw noService(options.exitCodeFrom, 'the stack file', Object.keys(request.desired.services));
  const began = Date.now();
  const passing = new AbortController();
  const watching = new AbortController();
  let interrupts = 0;
  const stops: Promise<void>[] = [];
  let interrupted = (): void => undefined;
  const stopping = new Promise<void>((resolve) => {
    interrupted = resolve;
  });
  const isWatched = (): boolean => options.watch !== null || options.menu?.watch.on === true;
  const desired = (): Desired => options.watch?.desired ?? options.menu?.watch.desired ?? request.desired;
  const interrupt = (): void => {
    interrupts++;
    if (interrupts > 2) return;
    interrupted();
    if (interrupts === 1) {
      cli.stderr.write('Stopping the services… (Ctrl-C again kills them)\n');
      passing.abort();
    }
    const stop = interrupts === 1 ? stopAll(name, desired(), options.named, client) : killAll(name, desired(), options.named, client);
    stop.catch(() => undefined); // awaited below; until then it must not count as unhandled
    stops.push(stop);
  };
  const release = cli.onInterrupt(interrupt);
  const output = new LogPrinter(name, { colour: options.colour, prefix: options.prefix, timestamps: options.timestamps });
  /** In a terminal both are the same, and must not come amid what is shown there. */
  const print = (stream: LogLine['stream'], text: string | Buffer): void => {
    if (stream === 'stderr' && cli.stdout.isTTY !== true) cli.stderr.write(text);
    else view.print(text);
  };
  let shown = began;
  /** Whether what is shown now ends with the containers. */
  let ends = false;
  let following: Promise<void> | null = null;
  let watched: Promise<void> | undefined;
  /** The first end of a container that is to end all; never, where none is. */
  let hasEnded = (_end: End): void => undefined;
  const firstEnd = new Promise<End>((resolve) => {
    hasEnded = resolve;
  });
  const show = async (): Promise<void> => {
    output.expect(Object.entries(request.desired.services).filter(([service]) => options.services.includes(service)).map(([service, { containerName }]) => replicaName(name, service, containerName, 1)));
    for (let since = began; ; since = Date.now()) { // all may have ended for a moment, while a watch makes them anew
      ends = !isWatched();
      for await (const line of client.stackLogs(name, { services: [], follow: true, end: ends, endOf: options.named, ends: true, tail: 'all', since: (since / 1000).toFixed(3) }, watching.signal)) {
        shown = Date.now();
        const { container, ended } = line;
        if (options.services.includes(line.service)) print(line.stream, ended === undefined ? output.line(line) : output.end(container, ended));
        if (ended !== undefined && (options.abort === 'exit' || (options.abort === 'failure' && ended !== 0))) hasEnded({ container, code: ended });
      }
      if (!isWatched() || watching.signal.aborted || interrupts > 0) return;
    }
  };
  /** What follows the stack's files goes on for whatever comes, and so does what is shown: it has ended when nothing has come for a moment. */
  const drained = async (): Promise<void> => {
    const late = Date.now() + DRAIN_MS;
    if (ends) await Promise.race([following, sleep(DRAIN_MS, undefined, { ref: false })]);
    else for (shown = Date.now(); Date.now() < late && Date.now() - shown < QUIET_MS;) await sleep(QUIET_MS);
  };
  const started = new Set<string>();
  try {
    try {
      for await (const event of client.applyStack(name, request, { wait: false, attached: true }, passing.signal)) {
        view.event(event);
        if (event.type === 'step' && event.state === 'done' && event.id.startsWith(STARTED)) started.add(event.id.slice(STARTED.length));
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
    watched = interrupts > 0 ? undefined : options.watch?.run(passing.signal);
    watched?.catch(() => undefined); // awaited next, or at the end
    if (options.abort !== 'never' && interrupts === 0) untilEnded(name, started, options.abort === 'failure', client).then(hasEnded, () => undefined); // an engine of an earlier build says of none that it has ended
    const left = new Promise<'left'>((resolve) => {
      if (interrupts === 0) options.menu?.keys.open({ interrupt, detach: () => resolve('left'), watch: () => options.menu?.watch.turn(), space: () => view.print('\n') });
    });
    if (interrupts === 0 && options.menu?.atOnce === true) options.menu.watch.turn();
    const first = await Promise.race([firstEnd, left, following.then(() => null), stopping.then(() => null), ...(watched === undefined ? [] : [watched.then(() => null)])]);
    if (first === 'left') return 0;
    if (first !== null && interrupts === 0) {
      view.note(`${first.container} exited with code ${first.code}: stopping the services`);
      await stopAll(name, desired(), options.named, client);
      await drained();
      return options.exitCodeFrom === null ? first.code : await codeOf(name, options.exitCodeFrom, client);
    }
    if (options.exitCodeFrom !== null && interrupts === 0) return await codeOf(name, options.exitCodeFrom, client);
    for (const stop of stops) await stop; // a second Ctrl-C adds to them meanwhile
    if (interrupts > 0) await drained();
    return interrupts > 0 ? INTERRUPTED : 0;
  } finally {
    passing.abort();
    options.menu?.keys.close();
    await options.menu?.watch.off();
    await watched?.catch(() => undefined); // likewise
    watching.abort();
    await following?.catch(() => undefined); // cut off just now; what went wrong before was thrown above
    release();
  }
}

/** The first end of a container of a service that runs by now, or was started; with `failure` the first that is one. */
async function untilEnded(name: string, started: ReadonlySet<string>, failure: boolean, client: EngineClient): Promise<End> {
  const all = (await client.containers(name, true)).filter((one) => one.Bayplan.owner === 'stack' && (one.State === 'running' || started.has(nameOf(one))));
  return await new Promise((resolve, reject) => {
    for (const one of all) {
      client.waitContainer(one.Id, 'not-running').then((code) => {
        if (!failure || code !== 0) resolve({ container: nameOf(one), code });
      }, reject);
    }
  });
}

/** How the container of a service has ended, of several the first that failed. */
async function codeOf(name: string, service: string, client: EngineClient): Promise<number> {
  const codes = (await client.containers(name, true)).filter(({ Bayplan }) => Bayplan.owner === 'stack' && Bayplan.service === service).map(({ Bayplan }) => Bayplan.exitCode);
  return codes.find((code) => code !== 0) ?? 0;
}

/** What named services depend on runs on, and so do services that the file does not have. */
function isMeant(service: string, { services }: Desired, named: readonly string[]): boolean {
  return named.length === 0 ? services[service] !== undefined : named.includes(service);
}

async function stopAll(name: string, desired: Desired, named: readonly string[], client: EngineClient): Promise<void> {
  const running = await client.containers(name, true);
  for (const group of stopOrder(desired.services)) {
    const members = running.filter(({ Bayplan, State }) => group.includes(Bayplan.service) && isMeant(Bayplan.service, desired, named) && (State === 'running' || State === 'restarting'));
    await Promise.all(members.map(({ Id }) => client.stopContainer(Id, desired.stopTimeoutSeconds)));
  }
}

async function killAll(name: string, desired: Desired, named: readonly string[], client: EngineClient): Promise<void> {
  const running = (await client.containers(name, false)).filter(({ Bayplan }) => isMeant(Bayplan.service, desired, named));
  await Promise.all(running.map(async ({ Id }) => client.killContainer(Id).catch(() => undefined))); // one that has just ended cannot be killed
}
