import { BayplanError } from './bayplan-error.ts';

/** An image reference in parts, with Docker's defaults filled in (distribution's reference grammar). */
export interface Reference {
  /** `docker.io`, `ghcr.io`, `localhost:5000` … */
  readonly domain: string;
  /** `library/nginx` */
  readonly path: string;
  /** `latest` where neither tag nor digest is given; '' where only a digest is. */
  readonly tag: string;
  /** `sha256:…` or ''. */
  readonly digest: string;
}

const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const DOMAIN = /^(?:\[[0-9a-fA-F:]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?)(?::[0-9]+)?$/;
const TAG = /^[\w][\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Of registry and path together, as distribution's grammar has it. */
const NAME_LIMIT = 255;

/** Throws BayplanError `bad-reference`. */
export function parseReference(text: string): Reference {
  const wrong = (what: string): BayplanError => new BayplanError('bad-reference', `image "${text}": ${what}; expected [HOST/]NAME[:TAG][@sha256:DIGEST] in lower case`);
  const at = text.indexOf('@');
  const digest = at < 0 ? '' : text.slice(at + 1);
  if (at >= 0 && !DIGEST.test(digest)) throw wrong(`"${digest}" is not a sha256 digest`);
  let name = at < 0 ? text : text.slice(0, at);
  let tag = '';
  const colon = name.lastIndexOf(':');
  if (colon > name.lastIndexOf('/')) {
    tag = name.slice(colon + 1);
    name = name.slice(0, colon);
    if (!TAG.test(tag)) throw wrong(`"${tag}" is not a tag`);
  }
  if (/^[0-9a-f]{64}$/.test(name)) throw wrong('64 hex digits are an image ID, not a name');
  const { domain, path } = splitDomain(name);
  if (!DOMAIN.test(domain)) throw wrong(`"${domain}" is not a host name`);
  const port = /:(\d+)$/.exec(domain)?.[1];
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65535)) throw wrong(`"${port}" is not a port: ports are 1 to 65535`);
  const odd = path.split('/').find((component) => !COMPONENT.test(component));
  if (odd !== undefined) throw wrong(odd === '' ? 'a part of the name is empty' : `"${odd}" cannot be part of a name`);
  if (domain.length + 1 + path.length > NAME_LIMIT) throw wrong(`the name is longer than ${NAME_LIMIT} characters`);
  return { domain, path, tag: tag === '' && digest === '' ? 'latest' : tag, digest };
}

/** The first part of a name is a host when it looks like one: with a dot, a port or capitals, or `localhost`. */
function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  if (first === '' || !(/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase())) {
    return { domain: 'docker.io', path: slash < 0 ? `library/${name}` : name };
  }
  const rest = name.slice(slash + 1);
  if (first !== 'docker.io' && first !== 'index.docker.io') return { domain: first, path: rest };
  return { domain: 'docker.io', path: rest.includes('/') ? rest : `library/${rest}` };
}

/** Whole form: `nginx` is `docker.io/library/nginx:latest`. Throws BayplanError `bad-reference`. */
export function normalizeReference(text: string): string {
  const { domain, path, tag, digest } = parseReference(text);
  return `${domain}/${path}${tag === '' ? '' : `:${tag}`}${digest === '' ? '' : `@${digest}`}`;
}

/** Whether a text is an image reference. */
export function isReference(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch (error) {
    if (error instanceof BayplanError) return false;
    throw error;
  }
}

/** A reference without its tag and digest. */
export function repositoryOf(reference: string): string {
  return reference.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
}

/** As people write a whole reference: `docker.io/library/nginx:1.27` is `nginx:1.27`. */
export function familiarReference(reference: string): string {
  return reference.replace(/^docker\.io\/(?:library\/(?=[^/]+$))?/, '');
}
