import type { LogRecord } from '../runtime/container/containers.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { writeAll } from './answer.ts';
import { parseSince, rfc3339Nano } from './docker-time.ts';
import { flag, type Exchange } from './exchange.ts';
import { lineFrames } from './frames.ts';
import { streamType } from './hijack.ts';
import { logDetails } from './log-details.ts';
import { LineSplitter, type LinePart } from './line-splitter.ts';

/** `tail=` of a query: null for all. Throws `bad-request`. */
export function tailOf(text: string | null): number | null {
  if (text === null || text === '' || text === 'all') return null;
  const lines = Number(text);
  if (!Number.isInteger(lines)) throw new BayplanError('bad-request', `tail must be a number of lines or "all", not "${text}"`);
  return lines < 0 ? null : lines;
}

/** `GET /containers/{id}/logs`: frames, or raw bytes where the container has a terminal. */
export async function containerLogs(exchange: Exchange): Promise<void> {
  const { engine, params, query, response, gone } = exchange;
  const { name, spec, status } = engine.container(params['id'] ?? '');
  const wanted = { stdout: flag(exchange, 'stdout'), stderr: flag(exchange, 'stderr') };
  if (!wanted.stdout && !wanted.stderr) throw new BayplanError('bad-request', 'Bad parameters: you must choose at least one stream: stdout=1, stderr=1');
  const since = parseSince(query.get('since'));
  const until = parseSince(query.get('until'));
  const tail = tailOf(query.get('tail'));
  const records = engine.containers.logs(name, { tail, follow: flag(exchange, 'follow'), signal: gone }); // refused before the answer begins
  response.writeHead(200, { 'Content-Type': streamType(spec.tty) });
  response.flushHeaders();
  const write = async (stream: LogRecord['stream'], data: Buffer): Promise<void> => writeAll(response, spec.tty ? data : lineFrames(stream, data), gone);
  const stamps = flag(exchange, 'timestamps') || flag(exchange, 'details') ? new Stamps(write, {
    times: flag(exchange, 'timestamps'), details: flag(exchange, 'details') ? `${logDetails({ id: status?.id ?? '', name, spec, image: engine.images.find(spec.imageId) })} ` : '',
  }) : null;
  for await (const record of records) {
    if (until !== null && record.time > until) break;
    if (!wanted[record.stream] || (since !== null && record.time < since)) continue;
    if (stamps === null) await write(record.stream, record.data);
    else await stamps.record(record);
  }
  await stamps?.end();
  response.end();
}

/** Puts each line's time before it, and its details. */
class Stamps {
  readonly #write: (stream: LogRecord['stream'], data: Buffer) => Promise<void>;
  readonly #splitters = { stdout: new LineSplitter(), stderr: new LineSplitter() };
  /** Streams whose line goes on. */
  readonly #open = new Set<LogRecord['stream']>();
  #last = 0n;

  readonly #with: { readonly times: boolean; readonly details: string };

  constructor(write: (stream: LogRecord['stream'], data: Buffer) => Promise<void>, shown: { readonly times: boolean; readonly details: string }) {
    this.#with = shown;
    this.#write = write;
  }

  async record({ time, stream, data }: LogRecord): Promise<void> {
    this.#last = time;
    for (const line of this.#splitters[stream].push(data)) await this.#line(stream, line);
  }

  async end(): Promise<void> {
    for (const stream of ['stdout', 'stderr'] as const) {
      for (const line of this.#splitters[stream].flush()) await this.#line(stream, line);
    }
  }

  async #line(stream: LogRecord['stream'], { data, ends }: LinePart): Promise<void> {
    const stamp = this.#open.has(stream) ? '' : `${this.#with.times ? `${rfc3339Nano(this.#last)} ` : ''}${this.#with.details}`;
    if (ends) this.#open.delete(stream);
    else this.#open.add(stream);
    await this.#write(stream, Buffer.concat([Buffer.from(stamp), data, Buffer.from(ends ? '\n' : '')]));
  }
}
