import type { EngineEvent } from '../engine/event-log.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { repositoryOf } from '../state/image-reference.ts';
import { writeAll } from './answer.ts';
import { parseSince } from './docker-time.ts';
import type { Exchange } from './exchange.ts';
import { anyMatches, parseFilters, type Filters } from './filters.ts';

/** As many events wait for a client that does not read; beyond them it is cut off, for a stream with gaps would look whole. */
const MOST_WAITING = 10_000;
/** setTimeout takes no longer time. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const FILTERS = ['type', 'event', 'container', 'image', 'label', 'network', 'volume', 'scope'];

/** `GET /events?since=&until=&filters=`: past ones from `since` on (all of them where there is but an `until`), then each as it happens, until `until` or the client goes. */
export async function streamEvents({ engine, query, response, gone }: Exchange): Promise<void> {
  const filters = parseFilters(query.get('filters'), FILTERS);
  const since = query.get('since') === '0' ? 0 : msOf(query.get('since')); // all there are: `docker events --since 0`
  const until = msOf(query.get('until'));
  if (since !== null && until !== null && since > until) throw new BayplanError('bad-request', `\`since\` time (${query.get('since') ?? ''}) cannot be after \`until\` time (${query.get('until') ?? ''})`);
  const waiting: EngineEvent[] = [];
  let wake: () => void = () => undefined;
  const off = engine.events.onEvent((event) => {
    if (waiting.length < MOST_WAITING) waiting.push(event);
    else response.destroy();
    wake();
  });
  if (since !== null || until !== null) waiting.unshift(...engine.events.past().filter(({ time }) => time >= (since ?? 0)));
  response.writeHead(200, { 'Content-Type': 'application/json' });
  response.flushHeaders();
  gone.addEventListener('abort', () => wake());
  try {
    while (!gone.aborted) {
      for (let event = waiting.shift(); event !== undefined; event = waiting.shift()) {
        if ((until === null || event.time <= until) && fits(event, filters)) await writeAll(response, `${JSON.stringify(eventJson(event))}\n`, gone);
      }
      if (until !== null && Date.now() >= until) break;
      const timer = until === null ? undefined : setTimeout(() => wake(), Math.min(until - Date.now(), LONGEST_TIMER_MS)); // anew each time: it may fire too soon
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      clearTimeout(timer);
    }
  } finally {
    off();
  }
  response.end();
}

function msOf(text: string | null): number | null {
  const ns = parseSince(text);
  return ns === null ? null : Number(ns / 1_000_000n);
}

function fits({ type, action, id, attributes }: EngineEvent, filters: Filters): boolean {
  return anyMatches(filters.get('type'), (wanted) => wanted === type)
    && anyMatches(filters.get('event'), (wanted) => action === wanted || action.startsWith(`${wanted}:`))
    && anyMatches(filters.get('scope'), (wanted) => wanted === 'local')
    && anyMatches(filters.get('container'), (wanted) => (type === 'container' ? attributes['name'] === wanted || id.startsWith(wanted) : attributes['container']?.startsWith(wanted) === true))
    && anyMatches(filters.get('network'), (wanted) => type === 'network' && (attributes['name'] === wanted || id.startsWith(wanted)))
    && anyMatches(filters.get('volume'), (wanted) => type === 'volume' && id === wanted)
    && anyMatches(filters.get('image'), (wanted) => (type === 'image' && id.startsWith(wanted)) || isImage(attributes[type === 'image' ? 'name' : 'image'], wanted))
    && (filters.get('label') ?? []).every((wanted) => (wanted.includes('=') ? attributes[wanted.slice(0, wanted.indexOf('='))] === wanted.slice(wanted.indexOf('=') + 1) : attributes[wanted] !== undefined));
}

/** By its name with its tag or without. */
function isImage(name: string | undefined, wanted: string): boolean {
  return name !== undefined && (name === wanted || repositoryOf(name) === wanted);
}

/** With the fields of old clients beside those of today. */
function eventJson({ type, action, id, attributes, time }: EngineEvent): object {
  return { status: action, id, from: attributes['image'] ?? '', Type: type, Action: action, Actor: { ID: id, Attributes: attributes }, scope: 'local', time: Math.floor(time / 1000), timeNano: time * 1e6 };
}
