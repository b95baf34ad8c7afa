import { BayplanError } from '../state/bayplan-error.ts';
import { setAsideAnswer } from './answers.ts';
import { jsonLine } from './quick-request.ts';

/** What of a stack, or (null) of any, the engine cannot read, a line each; none from an older engine, which does not say. `get` answers a body. */
export async function askSetAside(stack: string | null, get: (path: string) => Promise<string>): Promise<readonly string[]> {
  try {
    return jsonLine(await get(`/engine/set-aside${stack === null ? '' : `?stack=${encodeURIComponent(stack)}`}`), setAsideAnswer).lines;
  } catch (error) {
    if (error instanceof BayplanError && error.code === 'not-found') return [];
    throw error;
  }
}
