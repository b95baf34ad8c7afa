import type { IncomingMessage } from 'node:http';
import { BayplanError } from '../../../state/bayplan-error.ts';
import type { RegistryLimits } from './limits.ts';

/**
 * The chunks of a body. Throws BayplanError (retryable) `registry-stalled` where waiting for them brings too little, `registry-cut` where the
 * connection ends before the body does. Time in which nobody asks for a chunk does not count.
 */
export async function* paced(body: IncomingMessage, host: string, { windowMs, windowBytes }: Pick<RegistryLimits, 'windowMs' | 'windowBytes'>): AsyncGenerator<Buffer> {
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let waited = 0;
  let bytes = 0;
  const stall = (): void => {
    body.destroy(new BayplanError('registry-stalled', `registry ${host} sent ${bytes} bytes in ${windowMs / 1000} s: it is too slow, or has stopped`, { retryable: true }));
  };
  try {
    for (;;) {
      const begin = performance.now();
      const timer = setTimeout(stall, windowMs - waited);
      const next = await chunks.next().finally(() => clearTimeout(timer));
      if (next.done === true) return;
      waited += performance.now() - begin;
      bytes += next.value.length;
      if (bytes >= windowBytes) waited = bytes = 0;
      yield next.value;
    }
  } catch (error) {
    if (error instanceof BayplanError) throw error;
    throw new BayplanError('registry-cut', `registry ${host} cut the connection off: ${error instanceof Error ? error.message : String(error)}`, { retryable: true, cause: error });
  } finally {
    body.destroy();
  }
}
