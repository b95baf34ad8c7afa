import type { ContentSource } from './contents.ts';
import type { Mistake } from './mistake.ts';
import type { ConfigResource, NetworkConfig, SecretResource, StackConfig, VolumeResourceConfig } from './schema.ts';
import type { ServiceConfig } from './service-schema.ts';

/** A stack file as it was understood: every short form long, every name full, only the services whose profile is active. */
export interface Project {
  readonly name: string;
  readonly workingDir: string;
  /** Absolute paths, main file first. */
  readonly files: readonly string[];
  /** The env files that were asked for by option, absolute; empty for a plain `.env`. */
  readonly envFiles: readonly string[];
  readonly services: Readonly<Record<string, ServiceConfig>>;
  /** Services of profiles that are not active. */
  readonly inactive: readonly string[];
  /** All that services name, sorted. */
  readonly profiles: readonly string[];
  /** What variables were filled in from. */
  readonly environment: Readonly<Record<string, string>>;
  readonly networks: Readonly<Record<string, NetworkConfig & { readonly name: string }>>;
  readonly volumes: Readonly<Record<string, VolumeResourceConfig & { readonly name: string }>>;
  readonly secrets: Readonly<Record<string, SecretResource & { readonly name: string }>>;
  readonly configs: Readonly<Record<string, ConfigResource & { readonly name: string }>>;
  /** The secrets and configs that services use. */
  readonly contents: readonly ContentSource[];
  /** Of the files that `security_opt` names, by absolute path. */
  readonly seccompProfiles: Readonly<Record<string, string>>;
  readonly models: NonNullable<StackConfig['models']>;
  /** Top-level `x-…` keys. */
  readonly extensions: Readonly<Record<string, unknown>>;
  /** What the file asks for and this version ignores, one line each. */
  readonly notes: readonly string[];
  /** What the file asks for and would be unsafe to ignore: `config` shows the file, `plan` and `up` refuse it. */
  readonly refusals: readonly Mistake[];
}
