import { BayplanError } from '../state/bayplan-error.ts';
import { param, type Exchange, type Handler } from './exchange.ts';

/** A handler of `/images/*`: the name of an image may hold slashes, so what is to be done with it is the word after the last one. */
export function byVerb(verbs: Readonly<Record<string, Handler>>): Handler {
  return async (exchange: Exchange) => {
    const path = param(exchange, '*');
    const slash = path.lastIndexOf('/');
    const handler = slash < 1 ? undefined : verbs[path.slice(slash + 1)];
    if (handler === undefined) throw new BayplanError('not-found', `page not found: ${exchange.request.method ?? ''} /images/${path}`);
    await handler({ ...exchange, params: { name: path.slice(0, slash) } });
  };
}
