import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { RuntimeSettings } from '../runtime/foreign/runtimes.ts';
import { Proxies } from '../runtime/image/registry/proxies.ts';
import { Registries } from '../runtime/image/registry/settings.ts';
import { AddressSpaces } from '../runtime/network/address-spaces.ts';
import { DRIVER_NAMES } from '../runtime/storage/storage-driver.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { UsersRemap } from './users-remap.ts';

/** What people set for an engine as a whole. */
export const EngineConfig = z.strictObject({
  version: z.literal(1, 'expected 1'),
  registries: Registries.default({}),
  /** What keeps layers and the roots of containers; without it the best that works. */
  'storage-driver': z.enum(DRIVER_NAMES, `expected one of ${DRIVER_NAMES.join(', ')}`).optional(),
  /** OCI runtimes beside the engine's own, and the one of containers that name none. */
  runtimes: RuntimeSettings.optional(),
  'default-runtime': z.string().optional(),
  /** Folders with files of the Container Device Interface, as in Docker's daemon.json; empty: there are no such devices. */
  'cdi-spec-dirs': z.array(z.string().regex(/^\//, 'expected an absolute path')).optional(),
  /** Without it the environment of the engine says how. */
  proxies: Proxies.optional(),
  'userns-remap': UsersRemap.optional(),
  /** What subnets of networks that name none are chosen from, in this order; without it Docker's default pools. */
  'default-address-pools': AddressSpaces.optional(),
});
export type EngineConfig = z.infer<typeof EngineConfig>;

/** Reads the engine's configuration file; without one all is as it is by default. Throws BayplanError `engine-config`, naming the place. */
export function readEngineConfig(path: string): EngineConfig {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return EngineConfig.parse({ version: 1 });
    throw wrong(path, error instanceof Error ? error.message : String(error));
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw wrong(path, `it is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = EngineConfig.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw wrong(path, issue === undefined ? 'wrong shape' : `${issue.path.length === 0 ? '' : `${issue.path.join('.')}: `}${issue.message}`);
}

function wrong(path: string, what: string): BayplanError {
  return new BayplanError('engine-config', `${path}: ${what}; correct the engine's configuration, or remove the file`);
}
