import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { BayplanError } from '../state/bayplan-error.ts';
import type { RegistryCredentials } from '../state/registry-credentials.ts';

/** A helper may ask its user for a passphrase. */
const WAIT_MS = 30_000;
/** What helpers answer for a server that they have nothing for. */
const NOTHING = 'credentials not found in native keychain';
/** In place of a user's name: the secret is an identity token. */
const TOKEN_USER = '<token>';

const Answer = z.looseObject({ Username: z.string().default(''), Secret: z.string().default('') });

/** A program `docker-credential-NAME`, which keeps credentials in a keychain (docker-credential-helpers' protocol). */
export class CredentialHelper {
  readonly program: string;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #waitMs: number;

  constructor(name: string, env: Readonly<Record<string, string | undefined>>, waitMs = WAIT_MS) {
    this.program = `docker-credential-${name}`;
    this.#env = env;
    this.#waitMs = waitMs;
  }

  /** Null where it has none. */
  async get(server: string): Promise<RegistryCredentials | null> {
    const answer = await this.#run('get', server);
    if (answer === null) return null;
    const parsed = Answer.safeParse(parse(answer));
    if (!parsed.success) throw new BayplanError('credential-helper', `${this.program} get: its answer is not what such a helper answers: expected {"Username": "…", "Secret": "…"}`);
    const { Username, Secret } = parsed.data;
    return Username === TOKEN_USER ? { username: '', password: '', identitytoken: Secret } : { username: Username, password: Secret, identitytoken: '' };
  }

  /** The servers that it has something for. */
  async servers(): Promise<readonly string[]> {
    const parsed = z.record(z.string(), z.unknown()).safeParse(parse(await this.#run('list', '') ?? '{}'));
    if (!parsed.success) throw new BayplanError('credential-helper', `${this.program} list: its answer is not what such a helper answers: expected {"SERVER": "USER"}`);
    return Object.keys(parsed.data);
  }

  async store(server: string, { username, password, identitytoken }: RegistryCredentials): Promise<void> {
    await this.#run('store', JSON.stringify({ ServerURL: server, Username: identitytoken === '' ? username : TOKEN_USER, Secret: identitytoken === '' ? password : identitytoken }));
  }

  async erase(server: string): Promise<void> {
    await this.#run('erase', server);
  }

  /** Its output; null where it says that it has nothing. */
  async #run(verb: 'get' | 'list' | 'store' | 'erase', input: string): Promise<string | null> {
    const child = spawn(this.program, [verb], { stdio: ['pipe', 'pipe', 'pipe'], env: this.#env });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', () => undefined); // it may end without reading
    child.stdin.end(input);
    const code = await new Promise<number | null>((resolve, reject) => {
      const timer = setTimeout(() => {
        giveUp(child);
        reject(new BayplanError('credential-helper', `${this.program} ${verb}, which Docker's config.json names, has not answered within ${this.#waitMs / 1000} s and was ended: see whether it waits for a keychain, or take it out of that file`));
      }, this.#waitMs);
      child.once('error', (cause) => {
        clearTimeout(timer);
        reject(new BayplanError('credential-helper', `${this.program}, which Docker's config.json names, cannot be run: ${cause.message}`, { cause }));
      });
      child.once('close', (status) => {
        clearTimeout(timer);
        resolve(status);
      });
    });
    const text = Buffer.concat(out).toString().trim();
    if (code === 0) return text;
    if (text === NOTHING) return null;
    throw new BayplanError('credential-helper', `${this.program} ${verb}: ${text || Buffer.concat(err).toString().trim() || (code === null ? 'a signal ended it' : `it ended with status ${code}`)}`);
  }
}

/** Ends it with all that it has started, which may have its output open. It is of the terminal's own group, so that it can ask there; so they are looked for one by one. */
function giveUp(child: ChildProcess): void {
  for (const pid of child.pid === undefined ? [] : withDescendants(child.pid)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
}

function withDescendants(pid: number): readonly number[] {
  let children = '';
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))) throw error;
  }
  return [pid, ...children.split(' ').filter((word) => word !== '').flatMap((word) => withDescendants(Number(word)))];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // which is no answer either
  }
}
