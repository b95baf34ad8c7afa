import * as z from 'zod';
import { BayplanError } from '../state/bayplan-error.ts';
import { parseReference } from '../state/image-reference.ts';
import { RegistryCredentials, registryHost, type CredentialsByHost } from '../state/registry-credentials.ts';
import type { Exchange } from './exchange.ts';

/** Credentials of one registry, as Docker's clients send them; `serveraddress` may be left out. */
export const AuthConfig = RegistryCredentials.extend({ serveraddress: z.string().default('') });

/** Of a request about one image: `X-Registry-Auth` (base64url JSON) are credentials for the image's own registry, wherever it says they are for. */
export function imageCredentials({ request }: Pick<Exchange, 'request'>, reference: string): CredentialsByHost {
  const value = decode(request.headers['x-registry-auth'], 'X-Registry-Auth');
  if (value === null) return allCredentials({ request });
  const credentials = shaped(value, AuthConfig, 'X-Registry-Auth');
  if (credentials.username === '' && credentials.identitytoken === '') return {}; // how "none" is sent
  return { [parseReference(reference).domain]: credentials };
}

/** `X-Registry-Config` of a request about several (base64url JSON): by registry, in any form that Docker's configuration file has. */
export function allCredentials({ request }: Pick<Exchange, 'request'>): CredentialsByHost {
  const value = decode(request.headers['x-registry-config'], 'X-Registry-Config');
  if (value === null) return {};
  return Object.fromEntries(Object.entries(shaped(value, z.record(z.string(), RegistryCredentials), 'X-Registry-Config')).map(([host, credentials]) => [registryHost(host), credentials]));
}

function decode(header: string | string[] | undefined, name: string): unknown {
  if (header === undefined || header === '') return null;
  try {
    return JSON.parse(Buffer.from(String(header), 'base64url').toString()); // takes standard base64 too
  } catch {
    throw new BayplanError('bad-request', `${name} is not JSON in base64`);
  }
}

function shaped<T>(value: unknown, schema: z.ZodType<T>, name: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new BayplanError('bad-request', `${name} is wrong at ${parsed.error.issues[0]?.path.join('.') ?? 'its beginning'}`); // never with what it says
}
