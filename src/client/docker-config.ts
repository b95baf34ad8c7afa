import { mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as z from 'zod';
import { BayplanError } from '../state/bayplan-error.ts';
import { registryHost, type CredentialsByHost, type RegistryCredentials } from '../state/registry-credentials.ts';
import { CredentialHelper } from './credential-helper.ts';
import { dockerConfigPath } from './docker-config-path.ts';

const Auth = z.looseObject({ auth: z.string().optional(), username: z.string().optional(), password: z.string().optional(), identitytoken: z.string().optional() });
const ConfigFile = z.looseObject({
  auths: z.record(z.string(), Auth).optional(),
  credsStore: z.string().optional(),
  credHelpers: z.record(z.string(), z.string()).optional(),
});
type ConfigFile = z.infer<typeof ConfigFile>;

/** The key that Docker keeps its own registry under. */
const HUB = 'https://index.docker.io/v1/';

/** Credentials of registries in Docker's `config.json`, or in the helpers that it names. Hosts are as image names have them: `docker.io`, `registry.example:5000`. */
export class DockerConfig {
  readonly path: string;
  readonly #env: Readonly<Record<string, string | undefined>>;

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env;
    this.path = dockerConfigPath(env);
  }

  /** Null where there are none. Throws BayplanError `docker-config`, `credential-helper`. */
  async credentials(host: string): Promise<RegistryCredentials | null> {
    const config = this.#read();
    const kept = await this.#helper(config, host)?.get(serverOf(host)) ?? null;
    return kept ?? inFile(config, host, this.path);
  }

  /** All that there are, by host. Throws as `credentials`. */
  async all(): Promise<CredentialsByHost> {
    const config = this.#read();
    const { auths = {}, credHelpers = {}, credsStore = '' } = config;
    const kept = credsStore === '' ? [] : await new CredentialHelper(credsStore, this.#env).servers();
    const hosts = new Set([...Object.keys(auths), ...Object.keys(credHelpers), ...kept].map(registryHost));
    const found = await Promise.all([...hosts].map(async (host) => [host, await this.credentials(host)] as const));
    return Object.fromEntries(found.flatMap(([host, credentials]) => (credentials === null ? [] : [[host, credentials]])));
  }

  /** Keeps credentials; answers the helper that has them, or null where they stand in the file itself. */
  async store(host: string, credentials: RegistryCredentials): Promise<string | null> {
    const config = this.#read();
    const helper = this.#helper(config, host);
    await helper?.store(serverOf(host), credentials);
    this.#write({ ...config, auths: { ...without(config.auths, host), [serverOf(host)]: helper === null ? entryOf(credentials) : {} } });
    return helper?.program ?? null;
  }

  /** Forgets credentials; false where there were none. */
  async erase(host: string): Promise<boolean> {
    const config = this.#read();
    const helper = this.#helper(config, host);
    const known = Object.keys(config.auths ?? {}).some((key) => registryHost(key) === host) || await helper?.get(serverOf(host)) != null;
    if (!known) return false;
    await helper?.erase(serverOf(host));
    this.#write({ ...config, auths: without(config.auths, host) });
    return true;
  }

  #helper({ credsStore, credHelpers = {} }: ConfigFile, host: string): CredentialHelper | null {
    const name = Object.entries(credHelpers).find(([key]) => registryHost(key) === host)?.[1] ?? credsStore ?? '';
    return name === '' ? null : new CredentialHelper(name, this.#env);
  }

  #read(): ConfigFile {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
      throw error;
    }
    const parsed = ConfigFile.safeParse(parse(text));
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw new BayplanError('docker-config', `${this.path}: this is not what docker writes${issue === undefined || issue.path.length === 0 ? ' (not a JSON object)' : ` (${issue.path.join('.')}: ${issue.message})`}: mend it or remove it`);
  }

  /** All else that stands there stays. It may be a link to where a user keeps such files. */
  #write(config: ConfigFile): void {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
    const path = realpath(this.path);
    const temporary = `${path}.${process.pid}.tmp`;
    try {
      writeFileSync(temporary, `${JSON.stringify(config, null, '\t')}\n`, { mode: 0o600, flag: 'wx' });
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  }
}

/** Credentials as Docker's `config.json` has them. */
export function configOf(credentials: CredentialsByHost): string {
  return `${JSON.stringify({ auths: Object.fromEntries(Object.entries(credentials).map(([host, each]) => [serverOf(host), entryOf(each)])) }, null, '\t')}\n`;
}

function entryOf({ username, password, identitytoken }: RegistryCredentials): z.infer<typeof Auth> {
  return { ...(password === '' ? {} : { auth: Buffer.from(`${username}:${password}`).toString('base64') }), ...(identitytoken === '' ? {} : { identitytoken }) };
}

function serverOf(host: string): string {
  return host === 'docker.io' ? HUB : host;
}

function without(auths: ConfigFile['auths'], host: string): NonNullable<ConfigFile['auths']> {
  return Object.fromEntries(Object.entries(auths ?? {}).filter(([key]) => registryHost(key) !== host));
}

function inFile({ auths = {} }: ConfigFile, host: string, path: string): RegistryCredentials | null {
  const found = auths[serverOf(host)] ?? Object.entries(auths).find(([key]) => registryHost(key) === host)?.[1];
  if (found === undefined) return null;
  const pair = Buffer.from(found.auth ?? '', 'base64').toString().replace(/\0+$/, '');
  const colon = pair.indexOf(':');
  if (pair !== '' && colon < 0) throw new BayplanError('docker-config', `${path}: auths."${serverOf(host)}".auth is not base64 of "user:password": log in again`);
  const credentials = { username: found.username ?? pair.slice(0, Math.max(0, colon)), password: found.password ?? pair.slice(colon + 1), identitytoken: found.identitytoken ?? '' };
  return credentials.username === '' && credentials.identitytoken === '' ? null : credentials;
}

function realpath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; // it is not there yet
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
