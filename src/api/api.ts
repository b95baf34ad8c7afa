import { Server, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import findMyWay, { type HTTPMethod } from 'find-my-way';
import { BayplanError } from '../state/bayplan-error.ts';
import { SweepRequest, type SetAsideAnswer } from '../state/messages.ts';
import { containerChanges, exportContainer, getArchive, putArchive, removeFiles, statPath } from './archive.ts';
import { commitContainer } from './commit.ts';
import { errorBody, sendEmpty, sendError, sendJson, statusOf } from './answer.ts';
import { attachContainer, hijackAttach } from './attach.ts';
import { resizeContainer, resizeExec } from './console-size.ts';
import { inspectContainer, killContainer, listContainers, pauseContainer, restartContainer, startContainer, stopContainer, unpauseContainer } from './containers.ts';
import { pruneContainers, removeContainer, renameContainer } from './container-removal.ts';
import { createContainer } from './create-container.ts';
import { diskUsage } from './disk-usage.ts';
import type { EngineView } from './engine-view.ts';
import { streamEvents } from './events.ts';
import { createExec, hijackExec, inspectExec, interruptExec, startExec } from './exec.ts';
import { ExecSessions } from './exec-sessions.ts';
import type { Exchange, Handler } from './exchange.ts';
import { loadImages, saveImage, saveImages } from './image-archives.ts';
import { byVerb } from './image-path.ts';
import { checkAuth, describeImage, getStackArtifact, pullImage, pushImage } from './image-transfers.ts';
import { imageHistory, inspectImage, listImages, pruneImages, removeImage, tagImage } from './images.ts';
import { containerLogs } from './logs.ts';
import { connectContainer, createNetwork, disconnectContainer, inspectNetwork, listNetworks, pruneNetworks, removeNetwork } from './networks.ts';
import { stackLogs } from './stack-logs.ts';
import { readMessage } from './own-message.ts';
import { takeRest } from './request-body.ts';
import { listJobs, runJob } from './jobs.ts';
import { createOneOff, deleteStack, diffRevisions, getDrift, getStack, listRevisions, listStacks, operateStack, planRemoval, planRollback, planStack, planStackOperation, putStack, rollbackStack } from './stacks.ts';
import { containerStats } from './stats.ts';
import { noSwarm } from './swarm.ts';
import { API_VERSION, info, listPlugins, MIN_API_VERSION, ping, pruneBuilds, version } from './system.ts';
import { topContainer } from './top.ts';
import { createVolume, inspectVolume, listVolumes, pruneVolumes, removeVolume } from './volumes.ts';
import { waitContainer } from './wait.ts';
import { updateContainer } from './update-container.ts';

type Route = readonly [HTTPMethod | HTTPMethod[], string, Handler];

/** Every path exists below `/v1.NN/` too. Below `/stacks` and `/engine` it is ours, the rest is the Docker Engine API's. */
const ROUTES: readonly Route[] = [
  [['GET', 'HEAD'], '/_ping', ping],
  ['GET', '/version', version],
  ['GET', '/info', info],
  ['GET', '/system/df', diskUsage],
  ['GET', '/plugins', listPlugins],
  ['GET', '/events', streamEvents],
  ['GET', '/containers/json', listContainers],
  ['POST', '/containers/create', createContainer],
  ['POST', '/containers/prune', pruneContainers],
  ['DELETE', '/containers/:id', removeContainer],
  ['GET', '/containers/:id/json', inspectContainer],
  ['GET', '/containers/:id/logs', containerLogs],
  ['GET', '/containers/:id/top', topContainer],
  ['GET', '/containers/:id/stats', containerStats],
  ['HEAD', '/containers/:id/archive', statPath],
  ['GET', '/containers/:id/archive', getArchive],
  ['PUT', '/containers/:id/archive', putArchive],
  ['GET', '/containers/:id/export', exportContainer],
  ['POST', '/commit', commitContainer],
  ['GET', '/containers/:id/changes', containerChanges],
  ['POST', '/containers/:id/start', startContainer],
  ['POST', '/containers/:id/stop', stopContainer],
  ['POST', '/containers/:id/restart', restartContainer],
  ['POST', '/containers/:id/kill', killContainer],
  ['POST', '/containers/:id/pause', pauseContainer],
  ['POST', '/containers/:id/unpause', unpauseContainer],
  ['POST', '/containers/:id/rename', renameContainer],
  ['POST', '/containers/:id/update', updateContainer],
  ['POST', '/containers/:id/wait', waitContainer],
  ['POST', '/containers/:id/attach', attachContainer],
  ['POST', '/containers/:id/resize', resizeContainer],
  ['POST', '/containers/:id/exec', createExec],
  ['POST', '/exec/:id/start', startExec],
  ['POST', '/exec/:id/resize', resizeExec],
  ['POST', '/exec/:id/interrupt', interruptExec],
  ['GET', '/exec/:id/json', inspectExec],
  ['GET', '/images/json', listImages],
  ['POST', '/images/create', pullImage],
  ['POST', '/auth', checkAuth],
  ['POST', '/images/load', loadImages],
  ['POST', '/images/prune', pruneImages],
  ['GET', '/images/get', saveImages],
  ['GET', '/images/*', byVerb({ json: inspectImage, history: imageHistory, get: saveImage })],
  ['POST', '/images/*', byVerb({ tag: tagImage, push: pushImage })],
  ['DELETE', '/images/*', removeImage],
  ['GET', '/distribution/*', byVerb({ json: describeImage })],
  ['POST', '/build/prune', pruneBuilds],
  ['GET', '/networks', listNetworks],
  ['GET', '/networks/:id', inspectNetwork],
  ['POST', '/networks/create', createNetwork],
  ['POST', '/networks/prune', pruneNetworks],
  ['POST', '/networks/:id/connect', connectContainer],
  ['POST', '/networks/:id/disconnect', disconnectContainer],
  ['DELETE', '/networks/:id', removeNetwork],
  ['GET', '/volumes', listVolumes],
  ['POST', '/volumes/create', createVolume],
  ['POST', '/volumes/prune', pruneVolumes],
  ['GET', '/volumes/:name', inspectVolume],
  ['DELETE', '/volumes/:name', removeVolume],
  ...['/swarm', '/nodes', '/services', '/tasks', '/secrets', '/configs'].flatMap((path) => [[['GET', 'POST', 'DELETE'], path, noSwarm], [['GET', 'POST', 'DELETE'], `${path}/*`, noSwarm]] as const satisfies readonly Route[]),
  ['GET', '/stack-artifacts', getStackArtifact],
  ['GET', '/stacks', listStacks],
  ['GET', '/stacks/:name', getStack],
  ['PUT', '/stacks/:name', putStack],
  ['DELETE', '/stacks/:name', deleteStack],
  ['POST', '/stacks/:name/plan', planStack],
  ['GET', '/stacks/:name/removal', planRemoval],
  ['POST', '/stacks/:name/rollback/plan', planRollback],
  ['POST', '/stacks/:name/operations/plan', planStackOperation],
  ['GET', '/stacks/:name/revisions', listRevisions],
  ['GET', '/stacks/:name/drift', getDrift],
  ['GET', '/stacks/:name/diff', diffRevisions],
  ['POST', '/stacks/:name/rollback', rollbackStack],
  ['GET', '/stacks/:name/jobs', listJobs],
  ['POST', '/stacks/:name/jobs/:service/run', runJob],
  ['POST', '/stacks/:name/containers', createOneOff],
  ['POST', '/stacks/:name/operations', operateStack],
  ['GET', '/stacks/:name/logs', stackLogs],
  ['GET', '/engine/set-aside', getSetAside],
  ['POST', '/engine/stop', stopEngine],
  ['POST', '/engine/sweep', sweepEngines],
  ['POST', '/engine/containers/:id/remove-files', removeFiles],
];

/**
 * The HTTP server of an engine, not yet listening (`serve` does). `POST /engine/stop` closes it and the engine; whoever embeds it may
 * wait for its `close`. `report` gets a line for each error that is a defect, or that no answer could tell of.
 */
export function createApi(engine: EngineView, report: (line: string) => void = () => undefined): Server {
  const execs = new ExecSessions();
  const router = findMyWay({ ignoreTrailingSlash: true, maxParamLength: 512 });
  for (const [method, path, handler] of ROUTES) router.on(method, path, () => undefined, handler);
  const server = new ApiServer({ requestTimeout: 0, maxHeaderSize: HEADERS_MAX }); // loading an archive, or following a log, takes as long as it takes
  server.on('request', (request, response) => {
    answer(server, engine, execs, router, request, response).catch(async (error: unknown) => {
      if (response.headersSent || statusOf(error) === 500) report(`${request.method ?? ''} ${request.url ?? ''}: ${describe(error)}`);
      await takeRest(request);
      sendError(response, error);
    });
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    server.own(socket);
    socket.on('error', () => socket.destroy());
    upgrade(engine, execs, request, socket, head).catch((error: unknown) => {
      if (socket.destroyed) return; // the client went
      if (statusOf(error) === 500) report(`${request.method ?? ''} ${request.url ?? ''}: ${describe(error)}`);
      if (!socket.writableEnded) refuse(socket, error); // else its stream has told
    });
  });
  return server;
}

/** Credentials of a user for several registries travel in a header, and tokens are long. */
const HEADERS_MAX = 256 * 1024;

/** Node forgets connections that were upgraded; one that is left would keep the server from closing. */
class ApiServer extends Server {
  readonly #upgraded = new Set<Duplex>();

  own(socket: Duplex): void {
    this.#upgraded.add(socket);
    socket.once('close', () => this.#upgraded.delete(socket));
  }

  override closeAllConnections(): void {
    super.closeAllConnections();
    for (const socket of this.#upgraded) socket.destroy();
  }
}

async function answer(
  server: Server, engine: EngineView, execs: ExecSessions, router: findMyWay.Instance<findMyWay.HTTPVersion.V1>,
  request: IncomingMessage, response: ServerResponse,
): Promise<void> {
  response.setHeader('Server', `bayplan/${engine.version} (linux)`);
  if (request.method === 'OPTIONS') return sendEmpty(response, 200);
  const { path, query } = target(request);
  const route = router.find(request.method as HTTPMethod, path);
  const handler = route?.store as Handler | undefined;
  if (route === null || handler === undefined) throw new BayplanError('not-found', `page not found: ${request.method ?? ''} ${path}`);
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
  });
  const stopServer = (): void => {
    server.close();
    response.setHeader('Connection', 'close');
    response.once('close', () => server.closeAllConnections());
  };
  const exchange: Exchange = { engine, execs, request, response, params: route.params, query, gone: gone.signal, stopServer };
  try {
    await handler(exchange);
  } catch (error) {
    if (!gone.signal.aborted) throw error; // nobody is left to tell
  }
}

/** Throws BayplanError `bad-request` for a version of the API that is not spoken, in Docker's words. */
function target(request: IncomingMessage): { readonly path: string; readonly query: URLSearchParams } {
  const whole = request.url ?? '/';
  const [prefix = '', major = '1', minor = ''] = /^\/v(\d+)\.(\d+)(?=\/)/.exec(whole) ?? [];
  if (prefix !== '' && minor !== '') checkVersion(Number(major), Number(minor));
  const url = whole.slice(prefix.length);
  const at = url.indexOf('?');
  return at < 0 ? { path: url, query: new URLSearchParams() } : { path: url.slice(0, at), query: new URLSearchParams(url.slice(at + 1)) };
}

function checkVersion(major: number, minor: number): void {
  const beyond = (limit: string): number => {
    const [most = 0, least = 0] = limit.split('.').map(Number);
    return major - most || minor - least;
  };
  if (beyond(API_VERSION) > 0) throw new BayplanError('bad-request', `client version ${major}.${minor} is too new. Maximum supported API version is ${API_VERSION}`);
  if (beyond(MIN_API_VERSION) < 0) throw new BayplanError('bad-request', `client version ${major}.${minor} is too old. Minimum supported API version is ${MIN_API_VERSION}, please upgrade your client to a newer version`);
}

async function upgrade(engine: EngineView, execs: ExecSessions, request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  const { path, query } = target(request);
  const [, kind, id = ''] = /^\/(exec(?=\/[^/]+\/start$)|containers(?=\/[^/]+\/attach$))\/([^/]+)/.exec(path) ?? [];
  if (request.method !== 'POST' || kind === undefined) throw new BayplanError('not-found', `page not found: ${request.method ?? ''} ${path} with Upgrade`);
  if (kind === 'exec') await hijackExec(engine, execs, id, request, socket, head);
  else await hijackAttach(engine, decodeURIComponent(id), query, request, socket, head);
}

/** With the place for a defect of ours. */
function describe(error: unknown): string {
  if (error instanceof BayplanError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function refuse(socket: Duplex, error: unknown): void {
  const body = `${JSON.stringify(errorBody(error))}\n`;
  socket.end(`HTTP/1.1 ${statusOf(error)} Error\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
}

/** `GET /engine/set-aside?stack=`: SetAsideAnswer, of one stack, or of all. */
async function getSetAside({ engine, query, response }: Exchange): Promise<void> {
  sendJson(response, 200, { version: 1, lines: engine.setAside(query.get('stack') ?? undefined) } satisfies SetAsideAnswer);
}

/** `POST /engine/sweep`: SweepAnswer. */
async function sweepEngines({ engine, request, response }: Exchange): Promise<void> {
  sendJson(response, 200, await engine.sweep(await readMessage(request, SweepRequest, engine.version)));
}

/** `POST /engine/stop`: answers when the engine has let go of everything, so that the next one can start at once, and how many containers go on. With `containers=1` it stops them before. */
async function stopEngine({ engine, query, response, stopServer }: Exchange): Promise<void> {
  // The socket's file goes before the engine's lock does: it must not be the next engine's that is removed.
  stopServer();
  const stopped = query.get('containers') === '1' ? await engine.shutDown() : 0;
  if (query.get('containers') !== '1') await engine.close();
  const running = [...engine.containers.list().values()].filter(({ status }) => status?.phase === 'running').length;
  sendJson(response, 200, { version: 1, running, stopped });
}
