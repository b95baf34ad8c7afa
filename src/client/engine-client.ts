import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type { DriftAnswer } from '../state/drift.ts';
import type { LogLine, PassEvent, PlanAnswer, RevisionAnswer, StackAnswer, StackRequest, SweepAnswer, SweepRequest } from '../state/messages.ts';
import type { JobAnswer, JobRun } from '../state/job.ts';
import type { Operation } from '../state/operation.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { repositoryOf } from '../state/image-reference.ts';
import type { StackArtifact } from '../state/stack-artifact.ts';
import type { CredentialsByHost } from '../state/registry-credentials.ts';
import { pathsOf } from '../state/paths.ts';
import { containerSummaries, driftAnswers, jobAnswers, jobStarted, type ListedStack, listedStacks, logLine, passEvent, planAnswer, revisions, stackAnswer, stackArtifact, sweepAnswer } from './answers.ts';
import { realRoot } from './real-root.ts';
import { containersPath, type ContainerSummary } from './container-summary.ts';
import { EngineAbsent, execCutBy } from './errors.ts';
import { jsonLine, jsonOf, linesOf, quickRequest, textOf } from './quick-request.ts';
import { fields, flag, list, nullable, number, optional, type Outline, text } from './outline.ts';
import type { StdioOptions, StdioStreams } from './stdio-stream.ts';

/** One line of a pull or push: what happens, to the layer `id` where it is about one. */
export interface TransferLine { readonly status: string; readonly id?: string; readonly progressDetail?: { readonly current?: number; readonly total?: number } }

const transferLine = fields<Partial<TransferLine> & { readonly errorDetail?: { readonly message: string } }>({
  status: optional(text), id: optional(text), progressDetail: optional(fields<NonNullable<TransferLine['progressDetail']>>({ current: optional(number), total: optional(number) })), errorDetail: optional(fields<{ readonly message: string }>({ message: text })),
});

/** What an inspected container's command asks for. */
interface Inspected { readonly Config: { readonly Tty: boolean; readonly OpenStdin: boolean } }

/** What the user has for the registries of these images. */
export type FindCredentials = (images: readonly string[]) => Promise<CredentialsByHost>;

/** What the command line asks an engine. Answers are read by what the command line looks at in them: the engine may be of another version. */
export class EngineClient {
  readonly root: string;
  readonly socket: string;
  readonly #program: readonly string[] | null;
  readonly #credentials: FindCredentials;
  /** One start at a time, for questions that are asked together: an engine that lost the race for the lock may get it from one that is stopped right away. */
  #starting: Promise<void> | null = null;

  /** `program`: how to start an engine where none listens; null: then every call rejects with EngineAbsent. */
  constructor(root: string, program: readonly string[] | null, socket = pathsOf(realRoot(root)).socket, credentials: FindCredentials = () => Promise.resolve({})) {
    this.root = root;
    this.socket = socket;
    this.#program = program;
    this.#credentials = credentials;
  }

  /** Makes sure that an engine listens. */
  async ping(): Promise<void> {
    await textOf(await this.#quick('GET', '/_ping'));
  }

  async version(): Promise<{ readonly Version: string; readonly ApiVersion: string }> {
    return await this.#json('GET', '/version', fields<{ readonly Version: string; readonly ApiVersion: string }>({ Version: text, ApiVersion: text }));
  }

  /** What the engine says is wrong with its own state, a line each. */
  async warnings(): Promise<readonly string[]> {
    return (await this.#json('GET', '/info', fields<{ readonly Warnings: readonly string[] }>({ Warnings: list(text) }))).Warnings;
  }

  async stack(name: string): Promise<StackAnswer> {
    return await this.#json('GET', `/stacks/${encodeURIComponent(name)}`, stackAnswer);
  }

  async stacks(): Promise<readonly ListedStack[]> {
    return await this.#json('GET', '/stacks', listedStacks);
  }

  async planStack(name: string, body: StackRequest): Promise<PlanAnswer> {
    return await this.#json('POST', `/stacks/${encodeURIComponent(name)}/plan`, planAnswer, JSON.stringify(body));
  }

  /** `attached`: the pass ends with this connection. */
  async *applyStack(name: string, body: StackRequest, options: { readonly wait: boolean; readonly attached: boolean }, signal?: AbortSignal): AsyncGenerator<PassEvent> {
    yield* this.#events('PUT', `/stacks/${encodeURIComponent(name)}?wait=${Number(options.wait)}&attached=${Number(options.attached)}`, JSON.stringify(body), signal, await this.#authorization(Object.keys(body.desired.images)));
  }

  async *removeStack(name: string, options: Removal): AsyncGenerator<PassEvent> {
    yield* this.#events('DELETE', `/stacks/${encodeURIComponent(name)}?${removalQuery(options)}`, null);
  }

  /** What `removeStack` would do. */
  async planRemoval(name: string, options: Removal): Promise<PlanAnswer> {
    return await this.#json('GET', `/stacks/${encodeURIComponent(name)}/removal?${removalQuery(options)}`, planAnswer);
  }

  /** What `operate` would do. */
  async planOperation(name: string, operation: OperationRequest): Promise<PlanAnswer> {
    return await this.#json('POST', `/stacks/${encodeURIComponent(name)}/operations/plan`, planAnswer, JSON.stringify({ version: 1, ...operation }));
  }

  /** What `rollback` would do. */
  async planRollback(name: string, revision: number | null, from: string | null): Promise<PlanAnswer> {
    return await this.#json('POST', `/stacks/${encodeURIComponent(name)}/rollback/plan`, planAnswer, JSON.stringify({ version: 1, revision, from }));
  }

  async *operate(name: string, operation: OperationRequest, signal?: AbortSignal): AsyncGenerator<PassEvent> {
    yield* this.#events('POST', `/stacks/${encodeURIComponent(name)}/operations`, JSON.stringify({ version: 1, ...operation }), signal);
  }

  async history(name: string): Promise<readonly RevisionAnswer[]> {
    return await this.#json('GET', `/stacks/${encodeURIComponent(name)}/revisions`, revisions);
  }

  async drift(name: string): Promise<readonly DriftAnswer[]> {
    return await this.#json('GET', `/stacks/${encodeURIComponent(name)}/drift`, driftAnswers);
  }

  /** The files of a stack that was published to a registry. */
  async stackArtifact(reference: string): Promise<StackArtifact> {
    return await jsonOf(await this.#call('GET', `/stack-artifacts?${new URLSearchParams({ reference })}`, null, undefined, await this.#authorization([reference])), stackArtifact);
  }

  async jobs(stack: string): Promise<readonly JobAnswer[]> {
    return await this.#json('GET', `/stacks/${encodeURIComponent(stack)}/jobs`, jobAnswers);
  }

  async runJob(stack: string, service: string): Promise<JobRun | null> {
    return (await this.#json('POST', `/stacks/${encodeURIComponent(stack)}/jobs/${encodeURIComponent(service)}/run`, jobStarted)).run;
  }

  async diffRevisions(name: string, from: number, to: number): Promise<readonly string[]> {
    return (await this.#json('GET', `/stacks/${encodeURIComponent(name)}/diff?from=${from}&to=${to}`, fields<{ readonly lines: readonly string[] }>({ lines: list(text) }))).lines;
  }

  async *rollback(name: string, revision: number | null, from: string | null): AsyncGenerator<PassEvent> {
    yield* this.#events('POST', `/stacks/${encodeURIComponent(name)}/rollback`, JSON.stringify({ version: 1, revision, from }));
  }

  /** `end`: what is followed ends with the last container; else it goes on for those to come. `index`: containers of this number alone. `oneOffs`: those that `run` has made too. Times as the engine reads them. */
  async *stackLogs(name: string, options: { readonly services: readonly string[]; readonly follow: boolean; readonly end?: boolean; readonly tail: string; readonly since?: string | undefined; readonly until?: string | undefined; readonly index?: string | undefined; readonly oneOffs?: boolean; readonly ends?: boolean; readonly endOf?: readonly string[] }, signal?: AbortSignal): AsyncGenerator<LogLine> {
    const query = new URLSearchParams({ follow: String(Number(options.follow)), end: String(Number(options.end === true)), oneoff: String(Number(options.oneOffs === true)), ends: String(Number(options.ends === true)), tail: options.tail });
    for (const name of ['since', 'until', 'index'] as const) if (options[name] !== undefined) query.set(name, options[name]);
    for (const service of options.services) query.append('service', service);
    for (const service of options.endOf ?? []) query.append('endOf', service);
    const response = await this.#call('GET', `/stacks/${encodeURIComponent(name)}/logs?${query}`, null, signal);
    for await (const line of linesOf(response)) yield jsonLine(line, logLine);
  }

  async containers(stack: string, all: boolean): Promise<readonly ContainerSummary[]> {
    return await this.#json('GET', containersPath(stack, all), containerSummaries);
  }

  /** `timeout` in seconds; null: the container's own. */
  async stopContainer(name: string, timeout: number | null = null): Promise<void> {
    await textOf(await this.#quick('POST', `/containers/${encodeURIComponent(name)}/stop${timeout === null ? '' : `?t=${timeout}`}`));
  }

  async killContainer(name: string, signal = 'SIGKILL'): Promise<void> {
    await textOf(await this.#quick('POST', `/containers/${encodeURIComponent(name)}/kill?signal=${signal}`));
  }

  async startContainer(name: string): Promise<void> {
    await textOf(await this.#quick('POST', `/containers/${encodeURIComponent(name)}/start`));
  }

  async inspectContainer(name: string): Promise<Inspected> {
    return await this.#json('GET', `/containers/${encodeURIComponent(name)}/json`, fields<Inspected>({ Config: fields<Inspected['Config']>({ Tty: flag, OpenStdin: flag }) }));
  }

  /** Makes a one-off container of a stack; answers its id. */
  async createOneOff(stack: string, body: StackRequest): Promise<string> {
    return (await this.#json('POST', `/stacks/${encodeURIComponent(stack)}/containers`, fields<{ readonly id: string }>({ id: text }), JSON.stringify(body))).id;
  }

  /** Resolves with the exit code. `next-exit`: of the next run, when that has ended. */
  async waitContainer(id: string, condition: 'not-running' | 'next-exit'): Promise<number> {
    return (await this.#json('POST', `/containers/${id}/wait?condition=${condition}`, fields<{ readonly StatusCode: number }>({ StatusCode: number }))).StatusCode;
  }

  /** Takes part in a container's stdio, of one that does not run in that of its next start. */
  async attachContainer(id: string, streams: StdioStreams, options: StdioOptions): Promise<'ended' | 'detached'> {
    const { runStdio } = await import('./stdio-stream.ts');
    return await runStdio(this.socket, `/containers/${id}/attach?stream=1&stdout=1&stderr=1&stdin=${Number(streams.stdin !== null)}${options.detachKeys === null ? '' : `&detachKeys=${encodeURIComponent(options.detachKeys)}`}`, '', streams, options);
  }

  async resizeContainer(id: string, size: ConsoleSize): Promise<void> {
    await textOf(await this.#quick('POST', `/containers/${id}/resize?h=${size.height}&w=${size.width}`));
  }

  /** Pulls an image; ends when it is whole. */
  async *pull(image: string): AsyncGenerator<TransferLine> {
    const query = new URLSearchParams({ fromImage: image, ...(repositoryOf(image) === image ? { tag: 'latest' } : {}) }); // without a tag, all are meant
    yield* this.#transfer(`/images/create?${query}`, image);
  }

  /** Pushes an image to the registry that it is named for. */
  async *push(image: string): AsyncGenerator<TransferLine> {
    yield* this.#transfer(`/images/${image}/push`, image);
  }

  /** Loads an archive; answers what was loaded, a line an image. */
  async load(archive: Readable): Promise<readonly string[]> {
    await this.ping(); // the archive can be sent only once
    const { check, open } = await import('./connection.ts');
    const response = await open(this.socket, 'POST', '/images/load', archive, undefined, { 'Content-Type': 'application/x-tar' });
    await check(response);
    const loaded: string[] = [];
    for await (const line of linesOf(response)) loaded.push(jsonLine(line, fields<{ readonly stream: string }>({ stream: text })).stream.trimEnd());
    return loaded;
  }

  /** Makes a command ready to be run in a container; answers its id. */
  async createExec(container: string, command: ExecCommand): Promise<string> {
    const { Id } = await this.#json('POST', `/containers/${encodeURIComponent(container)}/exec`, fields<{ readonly Id: string }>({ Id: text }), JSON.stringify({
      Cmd: command.argv, Env: command.environment, User: command.user, WorkingDir: command.workingDir, Tty: command.tty, Privileged: command.privileged === true, AttachStdin: true, AttachStdout: true, AttachStderr: true, ...(command.detachKeys === undefined ? {} : { DetachKeys: command.detachKeys }),
    }));
    return Id;
  }

  /** Runs it with these streams; answers its exit code, null where the user has left it. `size` is the terminal's, null where there is none to tell of. */
  async startExec(id: string, streams: StdioStreams, options: StdioOptions, size: ConsoleSize | null): Promise<number | null> {
    const { runStdio } = await import('./stdio-stream.ts');
    const body = { Detach: false, Tty: options.tty, ...(size === null ? {} : { ConsoleSize: [size.height, size.width] }) };
    if (await runStdio(this.socket, `/exec/${id}/start`, JSON.stringify(body), streams, options).catch(execCutBy('ECONNRESET')) === 'detached') return null;
    const { ExitCode } = await this.#json('GET', `/exec/${id}/json`, fields<{ readonly ExitCode: number | null }>({ ExitCode: nullable(number) })).catch(execCutBy('not-found', 'engine-gone'));
    if (ExitCode === null) throw new BayplanError('exec-cut', 'the connection to the command was cut before it ended');
    return ExitCode;
  }

  /** Runs it and does not wait for it. */
  async startExecDetached(id: string): Promise<void> {
    await textOf(await this.#quick('POST', `/exec/${id}/start`, JSON.stringify({ Detach: true })));
  }

  /** Sends SIGINT to a command that runs in a container, or ends it. */
  async interruptExec(id: string, kill: boolean): Promise<void> {
    await textOf(await this.#quick('POST', `/exec/${id}/interrupt?kill=${Number(kill)}`));
  }

  async resizeExec(id: string, size: ConsoleSize): Promise<void> {
    await textOf(await this.#quick('POST', `/exec/${id}/resize?h=${size.height}&w=${size.width}`));
  }

  /** Takes away what engines have left that are gone. */
  async sweep(options: Omit<SweepRequest, 'version'>): Promise<SweepAnswer> {
    return await this.#json('POST', '/engine/sweep', sweepAnswer, JSON.stringify({ version: 1, ...options } satisfies SweepRequest));
  }

  /** Resolves when the engine has let go of everything, with how many containers go on, and how many it has stopped (with `containers`, all); undefined from one that does not say. */
  async stopEngine(containers = false): Promise<{ readonly running?: number | undefined; readonly stopped?: number | undefined }> {
    return await this.#json('POST', `/engine/stop${containers ? '?containers=1' : ''}`, fields<{ readonly running?: number | undefined; readonly stopped?: number | undefined }>({ running: optional(number), stopped: optional(number) }));
  }

  /** One question and its JSON answer. */
  async ask<T>(method: string, path: string, of: Outline<T>, body: string | null = null): Promise<T> {
    return await this.#json(method, path, of, body);
  }

  /** The same of what the engine asks a registry about an image: with the user's credentials. */
  async askRegistry<T>(path: string, image: string, of: Outline<T>): Promise<T> {
    return await jsonOf(await this.#quick('GET', path, null, await this.#authorization([image])), of);
  }

  /** One question and its answer's body. */
  async get(path: string): Promise<string> {
    return await textOf(await this.#quick('GET', path));
  }

  /** One request; the answer's body is not read yet. */
  async send(method: string, path: string): Promise<IncomingMessage> {
    return await this.#call(method, path);
  }

  async *#transfer(path: string, image: string): AsyncGenerator<TransferLine> {
    const response = await this.#call('POST', path, null, undefined, await this.#authorization([image]));
    for await (const line of linesOf(response)) {
      const told = jsonLine(line, transferLine);
      if (told.errorDetail !== undefined) throw new BayplanError('transfer-failed', told.errorDetail.message);
      yield { ...told, status: told.status ?? '' };
    }
  }

  async #authorization(images: readonly string[]): Promise<Readonly<Record<string, string>>> {
    const credentials = await this.#credentials(images);
    return Object.keys(credentials).length === 0 ? {} : { 'X-Registry-Config': Buffer.from(JSON.stringify(credentials)).toString('base64url') };
  }

  async *#events(method: string, path: string, body: string | null, signal?: AbortSignal, headers?: Readonly<Record<string, string>>): AsyncGenerator<PassEvent> {
    let last: PassEvent | null = null;
    const answer = signal === undefined ? await this.#quick(method, path, body, headers) : await this.#call(method, path, body, signal, headers);
    for await (const line of linesOf(answer)) {
      last = jsonLine(line, passEvent);
      yield last;
    }
    if (last?.type !== 'end') throw new BayplanError('engine-gone', 'the engine ended before the work was done: run the command again, it goes on from there', { retryable: true });
  }

  async #json<T>(method: string, path: string, of: Outline<T>, body: string | null = null): Promise<T> {
    return await jsonOf(await this.#quick(method, path, body), of);
  }

  /** For answers that tell by themselves whether they are whole. */
  async #quick(method: string, path: string, body: string | null = null, headers: Readonly<Record<string, string>> = {}): Promise<Readable> {
    return await this.#orStarted(() => quickRequest(this.socket, method, path, body, headers));
  }

  async #call(method: string, path: string, body: string | null = null, signal?: AbortSignal, headers: Readonly<Record<string, string>> = {}): Promise<IncomingMessage> {
    const { check, open } = await import('./connection.ts');
    const response = await this.#orStarted(() => open(this.socket, method, path, body, signal, headers));
    await check(response);
    return response;
  }

  /** Where no engine listens, nothing was sent: it is started, and asked once more. */
  async #orStarted<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof EngineAbsent) || this.#program === null) throw error;
      this.#starting ??= this.#start(this.#program).finally(() => { this.#starting = null; });
      await this.#starting;
      return await ask();
    }
  }

  async #start(program: readonly string[]): Promise<void> {
    const { startEngine } = await import('./start-engine.ts');
    await startEngine(this.root, program);
  }
}

/** How a stack is removed. `timeout` in seconds; null: each container's own. `from`: the folder of the stack file that is meant; null: whichever stack has the name. */
export interface Removal { readonly volumes: boolean; readonly timeout: number | null; readonly from: string | null }

function removalQuery({ volumes, timeout, from }: Removal): URLSearchParams {
  return new URLSearchParams({ volumes: String(Number(volumes)), ...(timeout === null ? {} : { timeout: String(timeout) }), ...(from === null ? {} : { from }) });
}

/** What a person asks of a stack's containers; what is left out is as it usually is. */
export type OperationRequest = Pick<Operation, 'verb'> & Partial<Omit<Operation, 'services'>> & { readonly services: readonly string[] };

export interface ExecCommand { readonly argv: readonly string[]; readonly environment: readonly string[]; readonly user: string; readonly workingDir: string; readonly tty: boolean; readonly privileged?: boolean; readonly detachKeys?: string }

/** Of a terminal, in characters. */
export interface ConsoleSize { readonly width: number; readonly height: number }
