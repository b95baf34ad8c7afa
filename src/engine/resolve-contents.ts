import { BayplanError } from '../state/bayplan-error.ts';
import type { Content } from '../state/content.ts';
import type { StackRequest } from '../state/messages.ts';
import type { Desired } from '../state/state.ts';
import type { ContentStore } from './content-store.ts';

/** A desired state with the digests of its configs and secrets, and the bytes behind those that came along, by digest. */
export interface ResolvedContents { readonly desired: Desired; readonly bytes: ReadonlyMap<string, Buffer> }

/**
 * Takes the bytes out of a request. `others`: what the other stacks desire, for external ones. Throws BayplanError `not-found` for an external one that
 * no other stack has, `bad-request` where bytes are missing.
 */
export function resolveContents({ desired, bytes: sent }: StackRequest, store: Pick<ContentStore, 'digest' | 'has'>, others: readonly Desired[]): ResolvedContents {
  const bytes = new Map<string, Buffer>();
  const digestOf = (key: string, content: Content): string => {
    if (content.external) return digestOfOther(key, others);
    const text = sent[key];
    if (text === undefined && store.has(content.digest)) return content.digest; // of a service that is not asked for now
    if (text === undefined) throw new BayplanError('bad-request', `${key}: what it holds is not in the request: send it in "bytes"`);
    const found = Buffer.from(text, 'base64');
    const digest = store.digest(found);
    bytes.set(digest, found);
    return digest;
  };
  const contents = Object.fromEntries(Object.entries(desired.contents).map(([key, content]) => [key, { ...content, digest: digestOf(key, content) }]));
  return { desired: { ...desired, contents }, bytes };
}

function digestOfOther(key: string, others: readonly Desired[]): string {
  const found = others.map(({ contents }) => contents[key]).find((content) => content?.external === false);
  if (found === undefined) throw new BayplanError('not-found', `${key} is declared external, and no stack that is up has one of that name: bring that stack up first, or remove "external"`);
  return found.digest;
}
