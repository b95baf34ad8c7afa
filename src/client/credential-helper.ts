import { spawn } from 'node:child_process';
import { BayplanError } from '../state/bayplan-error.ts';
import type { RegistryCredentials } from '../state/registry-credentials.ts';

/** A helper may ask its user for a passphrase. */
const WAIT_MS = 60_000;
/** What helpers answer for a server that they have nothing for. */
const NOTHING = 'credentials not found in native keychain';
/** In place of a user's name: the secret is an identity token. */
const TOKEN_USER = '<token>';

/** A program `docker-credential-NAME`, which keeps credentials in a keychain (docker-credential-helpers' protocol). */
export class CredentialHelper {
  readonly program: string;
  readonly #env: Readonly<Record<string, string | undefined>>;

  constructor(name: string, env: Readonly<Record<string, string | undefined>>) {
    this.program = `docker-credential-${name}`;
    this.#env = env;
  }

  /** Null where it has none. */
  async get(server: string): Promise<RegistryCredentials | null> {
    const answer = await this.#run('get', server);
    if (answer === null) return null;
    try {
      const { Username = '', Secret = '' } = JSON.parse(answer) as { readonly Username?: string; readonly Secret?: string };
      return Username === TOKEN_USER ? { username: '', password: '', identitytoken: Secret } : { username: Username, password: Secret, identitytoken: '' };
    } catch (cause) {
      throw new BayplanError('credential-helper', `${this.program} get: its answer is not JSON`, { cause });
    }
  }

  async store(server: string, { username, password, identitytoken }: RegistryCredentials): Promise<void> {
    await this.#run('store', JSON.stringify({ ServerURL: server, Username: identitytoken === '' ? username : TOKEN_USER, Secret: identitytoken === '' ? password : identitytoken }));
  }

  async erase(server: string): Promise<void> {
    await this.#run('erase', server);
  }

  /** Its output; null where it says that it has nothing. */
  async #run(verb: 'get' | 'store' | 'erase', input: string): Promise<string | null> {
    const child = spawn(this.program, [verb], { stdio: ['pipe', 'pipe', 'pipe'], env: this.#env, timeout: WAIT_MS });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', () => undefined); // it may end without reading
    child.stdin.end(input);
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', (cause) => reject(new BayplanError('credential-helper', `${this.program}, which Docker's config.json names, cannot be run: ${cause.message}`, { cause })));
      child.once('close', resolve);
    });
    const text = Buffer.concat(out).toString().trim();
    if (code === 0) return text;
    if (text === NOTHING) return null;
    throw new BayplanError('credential-helper', `${this.program} ${verb}: ${text || Buffer.concat(err).toString().trim() || (code === null ? `no answer within ${WAIT_MS / 1000} s` : `it ended with status ${code}`)}`);
  }
}
