import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { BayplanError } from '../state/bayplan-error.ts';
import { sendJson } from './answer.ts';
import { param, type Exchange } from './exchange.ts';

const run = promisify(execFile);

/** `GET /containers/{id}/top?ps_args=-ef`: what the host's ps says of the container's processes. */
export async function topContainer(exchange: Exchange): Promise<void> {
  const { engine, query, response } = exchange;
  const { name, status } = engine.container(param(exchange, 'id'));
  if (status?.phase !== 'running') throw new BayplanError('not-running', `container ${name} is not running`);
  const args = (query.get('ps_args') || '-ef').split(/\s+/);
  const inside = engine.containers.processes(name).map(String);
  // Not every choice of columns goes together with a choice of processes.
  const stdout = await ps([...args, '-q', inside.join()]).catch(() => ps(args));
  const [head = '', ...lines] = stdout.trimEnd().split('\n');
  const titles = head.trim().split(/\s+/);
  const at = titles.indexOf('PID');
  if (at < 0) throw new BayplanError('bad-request', `ps ${args.join(' ')}: there is no column PID by which the container's processes could be told`);
  const pids = new Set(inside);
  const rows = lines.map((line) => columns(line, titles.length)).filter((row) => pids.has(row[at] ?? ''));
  engine.events.container('top', name);
  sendJson(response, 200, { Titles: titles, Processes: rows });
}

async function ps(args: readonly string[]): Promise<string> {
  try {
    return (await run('ps', args, { timeout: 10_000, maxBuffer: 16 * 1024 * 1024 })).stdout;
  } catch (error) {
    throw new BayplanError('bad-request', `ps ${args.join(' ')}: ${error instanceof Error ? (error.message.split('\n')[1] ?? error.message) : String(error)}`);
  }
}

/** The last column holds what is left, blanks included. */
function columns(line: string, count: number): readonly string[] {
  const words = line.trim().split(/\s+/);
  return [...words.slice(0, count - 1), words.slice(count - 1).join(' ')];
}
