import { isUtf8 } from 'node:buffer';
import type { LogRecord } from '../runtime/container/containers.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { ContainerStatus } from '../state/container.ts';
import type { LogLine } from '../state/messages.ts';
import { writeAll } from './answer.ts';
import { parseSince } from './docker-time.ts';
import type { EngineView } from './engine-view.ts';
import { flag, param, type Exchange } from './exchange.ts';
import { LineSplitter, type LinePart } from './line-splitter.ts';
import { tailOf } from './logs.ts';
import { until } from './until.ts';

/** It ran before, and is being started once more. */
const beginsAnew = ({ phase, startedAt }: ContainerStatus): boolean => phase === 'created' && startedAt > 0;

/** Whether a container runs neither now nor, by its policy, again. */
const hasEnded = (status: ContainerStatus): boolean => status.phase !== 'running' && status.restartAt === 0 && !beginsAnew(status);

/** What a container that is being started once more has ended with: its status no longer says. Null where that is forgotten. */
function lastEnd({ events }: Pick<EngineView, 'events'>, id: string): number | null {
  const died = events.past().findLast((event) => event.type === 'container' && event.action === 'die' && event.id === id);
  return died === undefined ? null : Number(died.attributes['exitCode']);
}

interface Member {
  readonly key: string; readonly name: string; readonly service: string; readonly logged: boolean;
  readonly running: boolean; readonly ended: boolean; readonly finishedAt: number; readonly exitCode: number | null;
}

/**
 * `GET /stacks/{name}/logs`: one LogLine a line (NDJSON) of all containers, or of those of `service=` (may be repeated). `follow` goes
 * on through restarts and with containers that appear later, until the client goes, or with `end` until no pass is under way, all containers (of the services `endOf=`, where that is given) have ended and none of
 * them is going to be started again; `since` and `until` as in Docker's logs; `index`: containers of this number alone;
 * `oneoff`: those that `run` has made too, which docker compose leaves out (runs of jobs are never left out). `ends`: says also, behind the last line of each container, that it has
 * ended, of those too whose output is kept nowhere, and what hooks of containers write meanwhile.
 */
export async function stackLogs(exchange: Exchange): Promise<void> {
  const { engine, query, response, gone } = exchange;
  const stack = param(exchange, 'name');
  const services = new Set(query.getAll('service'));
  const follow = flag(exchange, 'follow');
  const tail = tailOf(query.get('tail'));
  const since = parseSince(query.get('since'));
  const end = parseSince(query.get('until'));
  const index = query.get('index');
  const oneOffs = flag(exchange, 'oneoff');
  const ends = flag(exchange, 'ends');
  const endOf = new Set(query.getAll('endOf'));
  const members = (): readonly Member[] =>
    [...engine.containers.list()].flatMap(([name, { identity, spec, status }]) => {
      const logged = spec.logging.driver !== 'none';
      if (identity.stack !== stack || (!logged && !ends) || status === null || status.phase === 'removing') return [];
      if (identity.owner === 'oneoff' && identity.slot === 0 && !oneOffs) return [];
      if ((services.size > 0 && !services.has(identity.service)) || (index !== null && String(identity.slot) !== index)) return [];
      return [{ key: status.id, name, service: identity.service, running: status.phase === 'running', ended: hasEnded(status), finishedAt: status.finishedAt, exitCode: beginsAnew(status) ? lastEnd(engine, status.id) : status.exitCode, logged }];
    });
  if (members().length === 0 && !follow && !engine.stacks().some(({ name }) => name === stack)) throw new BayplanError('not-found', engine.setAside(stack).length > 0 ? `nothing of stack "${stack}" can be read` : `there is no stack "${stack}"`);
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
  response.flushHeaders();

  /** `tail` is for what had been written before; containers that appear later are shown from their beginning. */
  const first = new Set(members().map(({ key }) => key));
  const newest = new Map<string, bigint>();
  const reading = new Map<string, Promise<void>>();
  const over = new AbortController();
  const signal = AbortSignal.any([gone, over.signal]);
  const told = new Map<string, number>();
  const tell = async ({ key, name, service }: Member): Promise<void> => {
    const { running = true, finishedAt = 0, exitCode = null } = members().find((member) => member.key === key) ?? {};
    if (!ends || running || exitCode === null || told.get(key) === finishedAt || (since !== null && BigInt(finishedAt) * 1_000_000n < since)) return;
    told.set(key, finishedAt);
    await writeAll(response, `${JSON.stringify({ version: 1, container: name, service, stream: 'stdout', time: finishedAt, line: '', ended: exitCode } satisfies LogLine)}\n`, gone);
  };
  const read = async (member: Member): Promise<void> => {
    const { key, name, service, logged } = member;
    if (!logged) return await tell(member);
    const splitters = { stdout: new LineSplitter(), stderr: new LineSplitter() };
    const seen = newest.get(key);
    let last = 0n;
    const lines = async (stream: LogRecord['stream'], found: Iterable<LinePart>): Promise<void> => {
      let text = '';
      for (const part of found) text += `${JSON.stringify({ version: 1, container: name, service, stream, time: Number(last / 1_000_000n), nanoseconds: Number(last % 1_000_000n), ...textOf(part) } satisfies LogLine)}\n`;
      if (text !== '') await writeAll(response, text, signal);
    };
    for await (const record of engine.containers.logs(name, { tail: first.has(key) && seen === undefined ? tail : null, follow, signal })) {
      if (end !== null && record.time > end) break;
      if ((seen !== undefined && record.time <= seen) || (since !== null && record.time < since)) continue;
      last = record.time;
      newest.set(key, last);
      await lines(record.stream, splitters[record.stream].push(record.data));
    }
    for (const stream of ['stdout', 'stderr'] as const) await lines(stream, splitters[stream].flush());
    await tell(member);
  };

  if (!follow) {
    for (const member of members()) await read(member);
    response.end();
    return;
  }
  const deaf = ends ? engine.onHookOutput((name, time, stream, data) => {
    const member = members().find((each) => each.name === name);
    if (member === undefined) return;
    const splitter = new LineSplitter();
    for (const part of [...splitter.push(data), ...[...splitter.flush()].map((rest): LinePart => ({ ...rest, ends: false }))]) response.write(`${JSON.stringify({ version: 1, container: name, service: member.service, stream, time, hook: true, ...textOf(part) } satisfies LogLine)}\n`);
  }, since === null ? Date.now() : Number(since / 1_000_000n)) : () => undefined;
  const readTo = new Map<string, number>();
  const failed = new AbortController();
  let failure: unknown = null;
  await until(() => {
    for (const member of members()) {
      // One that has ended is read once for each of its ends; one that runs again is read on from its newest record.
      if (reading.has(member.key) || (!member.running && readTo.get(member.key) === member.finishedAt) || (member.running && !member.logged)) continue;
      readTo.set(member.key, member.finishedAt);
      reading.set(member.key, read(member).catch((error: unknown) => {
        if (!members().some(({ key }) => key === member.key)) return; // it was removed while its log was read
        failure ??= error;
        failed.abort();
      }).finally(() => reading.delete(member.key)));
    }
    return flag(exchange, 'end') && (endOf.size > 0 || reading.size === 0) && !engine.busy(stack) && members().every(({ key, service, ended }) => (ended && !reading.has(key)) || (endOf.size > 0 && !endOf.has(service))) ? true : null;
  }, AbortSignal.any([gone, failed.signal])).catch((error: unknown) => {
    if (!gone.aborted) throw failure ?? error;
  });
  deaf();
  over.abort();
  await Promise.all(reading.values());
  response.end();
}

function textOf({ data, ends }: LinePart): Pick<LogLine, 'line' | 'base64' | 'partial'> {
  return { line: data.toString(), ...(isUtf8(data) ? {} : { base64: data.toString('base64') }), ...(ends ? {} : { partial: true }) };
}
