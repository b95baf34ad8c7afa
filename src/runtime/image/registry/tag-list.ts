import * as z from 'zod';
import { BayplanError } from '../../../state/bayplan-error.ts';
import { isReference } from '../../../state/image-reference.ts';
import { readSmall } from './answers.ts';
import { header, type Repository } from './repository.ts';

const TagList = z.looseObject({ tags: z.array(z.string()).nullable() });
const PAGE_MAX = 4 * 1024 * 1024;
/** A registry whose pages have no end is not followed for ever. */
const PAGES = 1000;

/** All tags of a repository, page after page (distribution specification 1.1, "Listing Tags"). Throws BayplanError `registry-answer`, and what Repository throws. */
export async function tagsOf(repository: Repository, what: string): Promise<readonly string[]> {
  const tags = new Set<string>();
  let address = '/tags/list';
  for (let page = 0; page < PAGES; page++) {
    const { found, next } = await repository.retry(() => pageOf(repository, address, what));
    for (const tag of found) tags.add(tag);
    if (next === null) return [...tags];
    address = next;
  }
  throw new BayplanError('registry-answer', `${what}: registry ${repository.endpoint.host} lists its tags on more than ${PAGES} pages`);
}

/** `next` as `Repository.call` takes it. */
async function pageOf(repository: Repository, address: string, what: string): Promise<{ readonly found: readonly string[]; readonly next: string | null }> {
  const { limits, endpoint } = repository;
  const answer = await repository.call('GET', address);
  if (answer.statusCode !== 200) throw await repository.error(answer, what);
  const list = `${endpoint.base}/v2/${repository.path}/tags/list`;
  const link = /<([^>]*)>\s*;\s*rel="?next"?/i.exec(header(answer, 'link') ?? '')?.[1];
  const bytes = await readSmall(answer, endpoint.host, PAGE_MAX, limits);
  const parsed = TagList.safeParse(json(bytes));
  if (parsed.data?.tags?.every((tag) => isReference(`name:${tag}`)) === false || !parsed.success) throw new BayplanError('registry-answer', `${what}: registry ${endpoint.host} answers no list of tags`);
  if (link === undefined) return { found: parsed.data.tags ?? [], next: null };
  const base = address.startsWith('/') ? list : address;
  if (!URL.canParse(link, base) || new URL(link, base).origin !== new URL(list).origin) throw new BayplanError('registry-answer', `${what}: registry ${endpoint.host} has the next page of its tags elsewhere`);
  return { found: parsed.data.tags ?? [], next: new URL(link, base).href };
}

function json(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
