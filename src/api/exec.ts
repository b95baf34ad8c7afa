import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import * as z from 'zod';
import type { ExecProcess } from '../runtime/container/containers.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from '../state/detach-keys.ts';
import { errorBody, sendEmpty, sendJson, writeAll } from './answer.ts';
import { consoleSizeOf } from './console-size.ts';
import type { EngineView } from './engine-view.ts';
import type { ExecSession, ExecSessions } from './exec-sessions.ts';
import { flag, type Exchange } from './exchange.ts';
import { frame } from './frames.ts';
import { goneOf, headTaken, streamType, switchOver, takeBytes, typedOn } from './hijack.ts';
import { parseBody, readBody } from './request-body.ts';

const CONSOLE_SIZE = z.tuple([z.int().min(0).max(65535), z.int().min(0).max(65535)]).nullish();

const flagged = z.boolean().nullish();
const text = z.string().nullish();

/** Docker's body; fields that are not named here change nothing for us. Docker reads names in any case, and docker-py writes `detachKeys`. */
const ExecCreate = z.object({
  Cmd: z.array(z.string()).nullish(), Env: z.array(z.string()).nullish(), User: text, WorkingDir: text, Tty: flagged, ConsoleSize: CONSOLE_SIZE,
  AttachStdin: flagged, AttachStdout: flagged, AttachStderr: flagged, Privileged: flagged, DetachKeys: text, detachKeys: text,
});
/** Its `Tty` alone says whether the client wants output as it is, or in frames, whatever the command has. */
const ExecStart = z.object({ Detach: flagged, Tty: flagged, ConsoleSize: CONSOLE_SIZE });

/** `POST /containers/{id}/exec` */
export async function createExec({ engine, execs, params, request, response }: Exchange): Promise<void> {
  const body = await readBody(request, ExecCreate);
  const { Cmd: command } = body;
  if (!command?.length) throw new BayplanError('bad-request', 'No exec command specified');
  const { name, id } = runningContainer(engine, params['id'] ?? '');
  const session = execs.create({
    container: name, containerId: id,
    request: { command, environment: body.Env ?? [], user: body.User ?? '', workingDir: body.WorkingDir ?? '', tty: body.Tty ?? false, privileged: body.Privileged ?? false, consoleSize: consoleSizeOf(body.ConsoleSize) },
    attach: { stdin: body.AttachStdin ?? false, stdout: body.AttachStdout ?? true, stderr: body.AttachStderr ?? true }, detachKeys: parseDetachKeys(body.DetachKeys || body.detachKeys || DEFAULT_DETACH_KEYS),
  });
  tell(engine, session, 'exec_create');
  sendJson(response, 201, { Id: session.id });
}

/** Throws BayplanError `not-running`, or `conflict` where it is paused. */
function runningContainer(engine: EngineView, ref: string): { readonly name: string; readonly id: string } {
  const { name, status } = engine.container(ref);
  if (status?.phase !== 'running') throw new BayplanError('not-running', `container ${name} is not running`);
  if (status.paused) throw new BayplanError('conflict', `Container ${name} is paused, unpause the container before exec`);
  return { name, id: status.id };
}

/** `GET /exec/{id}/json` */
export async function inspectExec({ execs, params, response }: Exchange): Promise<void> {
  const session = execs.get(params['id'] ?? '');
  const [entrypoint = '', ...args] = session.request.command;
  sendJson(response, 200, {
    ID: session.id, Running: session.phase === 'running', ExitCode: session.exitCode, ContainerID: session.containerId, Pid: 0, CanRemove: session.phase === 'ended', DetachKeys: '',
    OpenStdin: session.attach.stdin, OpenStdout: session.attach.stdout, OpenStderr: session.attach.stderr,
    ProcessConfig: { tty: session.request.tty, entrypoint, arguments: args, privileged: session.request.privileged ?? false, user: session.request.user },
  });
}

/** `POST /exec/{id}/interrupt`: SIGINT to the command, with `kill=1` its end. Ours: Docker's clients leave a command behind that they were interrupted over. */
export async function interruptExec(exchange: Exchange): Promise<void> {
  const { process } = exchange.execs.get(exchange.params['id'] ?? '');
  if (flag(exchange, 'kill')) process?.kill();
  else process?.interrupt();
  sendEmpty(exchange.response, 204);
}

/** `POST /exec/{id}/start` of a client that asks for no upgrade: detached, or output alone. */
export async function startExec({ engine, execs, params, request, response, gone }: Exchange): Promise<void> {
  const body = await readBody(request, ExecStart);
  const session = execs.get(params['id'] ?? '');
  const process = await begin(engine, session, body);
  process.stdin.end();
  if (body.Detach === true) {
    process.stdout.resume();
    const said = await failedStart(process);
    const end = ended(engine, process, session);
    if (said === null) return sendEmpty(response, 200);
    await end;
    throw new BayplanError('bad-request', said);
  }
  response.writeHead(200, { 'Content-Type': streamType(body.Tty === true) });
  response.flushHeaders();
  await showUntilEnd(engine, process, session, { to: response, raw: body.Tty === true, gone });
  response.end();
}

/**
 * The same with `Upgrade: tcp`: the connection itself becomes stdin one way and frames the other way. The end of stdin is the
 * client's half-close. The exit code is stored before the stream ends, because clients ask for it then. A command with a terminal goes on when its client
 * leaves: that is how clients detach from it. The connection is switched over before the command starts, as Docker does (`headTaken`),
 * so that the stream tells what still goes wrong then.
 */
export async function hijackExec(engine: EngineView, execs: ExecSessions, id: string, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  const session = execs.get(id);
  const gone = goneOf(socket);
  const length = Number(request.headers['content-length'] ?? 0);
  const body = parseBody((await takeBytes(socket, head, length)).toString(), ExecStart);
  if (body.Detach === true) throw new BayplanError('bad-request', 'a detached exec has no stream to upgrade to');
  checkUnstarted(session);
  runningContainer(engine, session.containerId);
  const raw = body.Tty === true;
  switchOver(socket, raw);
  await headTaken(request);
  const process = await begin(engine, session, body).catch((error: unknown) => {
    const text = Buffer.from(`${errorBody(error).message}\r\n`);
    socket.end(raw ? text : frame('stderr', text));
    throw error;
  });
  process.stdin.on('error', () => socket.unpipe().resume()); // it closed its stdin: what still comes is not for it
  if (session.attach.stdin) typedOn(socket, session.request.tty ? session.detachKeys : null, () => tell(engine, session, 'exec_detach')).pipe(process.stdin);
  else {
    process.stdin.end();
    socket.resume();
  }
  await showUntilEnd(engine, process, session, { to: socket, raw, gone });
  socket.end();
}

/** What is wrong with a program that could not be run; null where it runs, and then nobody hears what it says. */
async function failedStart({ stderr, started, exit }: ExecProcess): Promise<string | null> {
  let said = '';
  const hear = (data: Buffer): void => {
    said = (said + data.toString()).slice(0, 8192);
  };
  stderr.on('data', hear);
  if (!(await started)) {
    await exit;
    const lines = said.trim().split('\n');
    return lines.filter((line, index) => lines[index + 1]?.endsWith(line) !== true).join('\n') || 'the command could not be run'; // runc has its word in its log and out loud
  }
  stderr.off('data', hear).resume();
  return null;
}

function checkUnstarted({ id, phase }: ExecSession): void {
  if (phase !== 'created') throw new BayplanError('conflict', `exec session ${id} was started already`);
}

async function begin(engine: EngineView, session: ExecSession, { ConsoleSize, Detach }: z.infer<typeof ExecStart>): Promise<ExecProcess> {
  checkUnstarted(session);
  session.phase = 'running';
  try {
    const size = consoleSizeOf(ConsoleSize) ?? session.consoleSize ?? session.request.consoleSize ?? null;
    session.process = await engine.containers.exec(session.container, { ...session.request, consoleSize: size, detached: Detach === true });
    tell(engine, session, 'exec_start');
    return session.process;
  } catch (error) {
    session.phase = 'ended';
    session.exitCode = 126;
    throw error;
  }
}

/** Docker's word has the command in it. */
function tell(engine: EngineView, { id, container, request: { command: [first = '', ...args] } }: ExecSession, action: 'exec_create' | 'exec_start' | 'exec_detach'): void {
  engine.events.container(action === 'exec_detach' ? action : `${action}: ${first} ${args.join(' ')}`, container, { execID: id });
}

/** Who is shown a command's output: as it is (`raw`), or in frames, until they have gone. */
interface Audience { readonly to: NodeJS.WritableStream; readonly raw: boolean; readonly gone: AbortSignal }

/** A command without a terminal ends when its client leaves: nobody is left who could end it. */
async function showUntilEnd(engine: EngineView, process: ExecProcess, session: ExecSession, audience: Audience): Promise<void> {
  const { gone } = audience;
  const leave = (): void => {
    if (session.phase === 'running' && !session.request.tty) process.kill();
  };
  gone.addEventListener('abort', leave);
  if (gone.aborted) leave();
  try {
    await copyOutput(process, session, audience);
  } finally {
    await ended(engine, process, session);
  }
}

async function ended(engine: EngineView, process: ExecProcess, session: ExecSession): Promise<void> {
  session.exitCode = await process.exit;
  session.phase = 'ended';
  session.process = null;
  engine.events.container('exec_die', session.container, { execID: session.id, exitCode: String(session.exitCode) });
}

async function copyOutput(process: ExecProcess, session: ExecSession, { to, raw, gone }: Audience): Promise<void> {
  const { tty } = session.request;
  const copy = async (stream: 'stdout' | 'stderr', from: NodeJS.ReadableStream): Promise<void> => {
    for await (const chunk of from) {
      const data = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
      if (!session.attach[stream] || (tty && gone.aborted)) continue;
      await writeAll(to, raw ? data : frame(stream, data), gone).catch((error: unknown) => {
        if (!tty || !gone.aborted) throw error; // with a terminal it goes on, and what it shows is for nobody
      });
    }
  };
  await Promise.all([copy('stdout', process.stdout), copy('stderr', process.stderr)]);
}
