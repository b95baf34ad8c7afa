import { BayplanError } from '../state/bayplan-error.ts';
import type { Exchange } from './exchange.ts';

/** What Docker answers on a machine that is in no swarm, and never is here: programs that look whether there is one take it for that. */
export async function noSwarm({ request }: Exchange): Promise<void> {
  throw await Promise.resolve(/\/swarm\/(init|join)(\?|$)/.test(request.url ?? '')
    ? new BayplanError('not-built', 'there is no swarm mode here')
    : new BayplanError('no-swarm', 'This node is not a swarm manager: there is no swarm mode here.'));
}
