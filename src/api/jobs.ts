import { sendJson } from './answer.ts';
import { param, type Exchange } from './exchange.ts';

/** `GET /stacks/{name}/jobs`: JobAnswers. */
export async function listJobs(exchange: Exchange): Promise<void> {
  sendJson(exchange.response, 200, await exchange.engine.jobs(param(exchange, 'name')));
}

/** `POST /stacks/{name}/jobs/{service}/run`: JobStarted. 409 where one is under way and the file says to skip others. */
export async function runJob(exchange: Exchange): Promise<void> {
  sendJson(exchange.response, 201, await exchange.engine.runJob(param(exchange, 'name'), param(exchange, 'service')));
}
