import { RollbackRequest, StackRequest, type PassEvent } from '../state/messages.ts';
import { Operation } from '../state/operation.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { errorBody, sendJson } from './answer.ts';
import { flag, param, type Exchange } from './exchange.ts';
import { allCredentials } from './registry-auth.ts';
import { readMessage } from './own-message.ts';
import { shownEvent, shownPlan, shownStack } from './shown.ts';

/** `GET /stacks` */
export async function listStacks({ engine, response }: Exchange): Promise<void> {
  sendJson(response, 200, engine.stacks().map(shownStack));
}

/** `GET /stacks/{name}` */
export async function getStack(exchange: Exchange): Promise<void> {
  sendJson(exchange.response, 200, shownStack(await exchange.engine.stack(param(exchange, 'name'))));
}

/** `GET /stacks/{name}/drift`: an array of DriftAnswer, looked at just now. */
export async function getDrift(exchange: Exchange): Promise<void> {
  sendJson(exchange.response, 200, await exchange.engine.stackDrift(param(exchange, 'name')));
}

/** `GET /stacks/{name}/revisions` */
export async function listRevisions(exchange: Exchange): Promise<void> {
  sendJson(exchange.response, 200, await exchange.engine.stackHistory(param(exchange, 'name')));
}

/** `GET /stacks/{name}/diff?from=N&to=M`: lines. */
export async function diffRevisions(exchange: Exchange): Promise<void> {
  const revision = (key: string): number => {
    const value = exchange.query.get(key) ?? '';
    if (!/^[1-9]\d*$/.test(value)) throw new BayplanError('bad-request', `${key} must be the number of a revision, not "${value}"`);
    return Number(value);
  };
  sendJson(exchange.response, 200, { version: 1, lines: await exchange.engine.diffRevisions(param(exchange, 'name'), revision('from'), revision('to')) });
}

/** `POST /stacks/{name}/rollback`: PassEvents as NDJSON. It goes on when the client leaves. */
export async function rollbackStack(exchange: Exchange): Promise<void> {
  const body = await readMessage(exchange.request, RollbackRequest, exchange.engine.version);
  await streamPass(exchange, (onEvent) => exchange.engine.rollbackStack(param(exchange, 'name'), body, onEvent, new AbortController().signal));
}

/** `POST /stacks/{name}/plan`: what a PUT of the same body would do. */
export async function planStack(exchange: Exchange): Promise<void> {
  const body = await readMessage(exchange.request, StackRequest, exchange.engine.version);
  sendJson(exchange.response, 200, shownPlan(await exchange.engine.planStack(param(exchange, 'name'), body)));
}

/** `POST /stacks/{name}/containers`: makes a one-off, the one container of the body's desired state; starts nothing. */
export async function createOneOff(exchange: Exchange): Promise<void> {
  const body = await readMessage(exchange.request, StackRequest, exchange.engine.version);
  sendJson(exchange.response, 201, { version: 1, id: await exchange.engine.createOneOff(param(exchange, 'name'), body) });
}

/**
 * `PUT /stacks/{name}?wait=1&attached=1`: PassEvents as NDJSON. Images are pulled with the credentials in `X-Registry-Config`. The pass goes on when the client leaves, unless `attached` says that it
 * belongs to the client.
 */
export async function putStack(exchange: Exchange): Promise<void> {
  const { engine, request } = exchange;
  const body = await readMessage(request, StackRequest, engine.version);
  const signal = flag(exchange, 'attached') ? exchange.gone : new AbortController().signal;
  await streamPass(exchange, (onEvent) => engine.applyStack(param(exchange, 'name'), body, { wait: flag(exchange, 'wait'), credentials: allCredentials(exchange) }, onEvent, signal));
}

/** `POST /stacks/{name}/rollback/plan`: what a rollback of the same body would do. */
export async function planRollback(exchange: Exchange): Promise<void> {
  const body = await readMessage(exchange.request, RollbackRequest, exchange.engine.version);
  sendJson(exchange.response, 200, shownPlan(await exchange.engine.previewRollback(param(exchange, 'name'), body)));
}

/** `GET /stacks/{name}/removal`: what a DELETE with the same query would do. */
export async function planRemoval(exchange: Exchange): Promise<void> {
  sendJson(exchange.response, 200, shownPlan(await exchange.engine.previewRemoval(param(exchange, 'name'), removalOf(exchange))));
}

/** `DELETE /stacks/{name}?volumes=1&timeout=SECONDS&from=FOLDER`: PassEvents as NDJSON. With `from`, 409 where the stack was brought up from another folder. */
export async function deleteStack(exchange: Exchange): Promise<void> {
  const options = removalOf(exchange);
  await streamPass(exchange, (onEvent) => exchange.engine.removeStack(param(exchange, 'name'), options, onEvent, new AbortController().signal));
}

function removalOf(exchange: Exchange): { readonly volumes: boolean; readonly stopTimeoutSeconds: number | null; readonly from: string | null } {
  const text = exchange.query.get('timeout');
  const seconds = text === null ? null : Number(text);
  if (seconds !== null && !(Number.isInteger(seconds) && seconds >= 0)) throw new BayplanError('bad-request', `timeout must be a whole number of seconds, not "${text}"`);
  return { volumes: flag(exchange, 'volumes'), stopTimeoutSeconds: seconds, from: exchange.query.get('from') };
}

/** `POST /stacks/{name}/operations`: PassEvents as NDJSON. It goes on when the client leaves. */
export async function operateStack(exchange: Exchange): Promise<void> {
  const operation = await readMessage(exchange.request, Operation, exchange.engine.version);
  await streamPass(exchange, (onEvent) => exchange.engine.operate(param(exchange, 'name'), operation, onEvent, new AbortController().signal));
}

/** `POST /stacks/{name}/operations/plan`: what an operation of the same body would do. */
export async function planStackOperation(exchange: Exchange): Promise<void> {
  const operation = await readMessage(exchange.request, Operation, exchange.engine.version);
  sendJson(exchange.response, 200, shownPlan(await exchange.engine.previewOperation(param(exchange, 'name'), operation)));
}

/** Events of so long travel together: each write wakes a client that would otherwise leave its processor to the work it waits for. */
const TOGETHER_MS = 40;

/** The status is sent with the first event, so that what is refused before anything was done has a status of its own. */
async function streamPass({ response, gone }: Exchange, run: (onEvent: (event: PassEvent) => void) => Promise<void>): Promise<void> {
  let waiting = '';
  let timer: NodeJS.Timeout | null = null;
  const flush = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (waiting !== '' && !gone.aborted) response.write(waiting); // as long as the plan is: no need to hold the pass back for a slow reader
    waiting = '';
  };
  const write = (event: PassEvent): void => {
    if (gone.aborted) return;
    if (!response.headersSent) response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
    waiting += `${JSON.stringify(shownEvent(event))}\n`;
    timer ??= setTimeout(flush, TOGETHER_MS);
  };
  try {
    await run(write);
  } catch (error) {
    if (!response.headersSent) throw error;
    write({ version: 1, type: 'end', ok: false, revision: 0, message: errorBody(error).message });
  }
  if (!response.headersSent) response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
  flush();
  response.end();
}
