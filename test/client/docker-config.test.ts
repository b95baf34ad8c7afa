import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CredentialHelper } from '../../src/client/credential-helper.ts';
import { DockerConfig } from '../../src/client/docker-config.ts';

let folder = '';
let config: DockerConfig;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bayplan-docker-config-'));
  config = new DockerConfig({ DOCKER_CONFIG: folder, PATH: `${folder}:/usr/bin:/bin` });
});
afterEach(() => rmSync(folder, { recursive: true }));

const put = (value: unknown): void => writeFileSync(join(folder, 'config.json'), typeof value === 'string' ? value : JSON.stringify(value));
const kept = (): unknown => JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const ME = { username: 'me', password: 'a:b c', identitytoken: '' };

/** A helper that keeps one secret a server as a file. */
function makeHelper(name: string): void {
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, `docker-credential-${name}`), `#!/bin/sh
cd ${folder}/${name}; read -r input
case $1 in
  store) file=$(echo "$input" | sed 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/' | tr / _); echo "$input" > "$file" ;;
  get) file=$(echo "$input" | tr / _); if [ -e "$file" ]; then cat "$file"; else echo credentials not found in native keychain; exit 1; fi ;;
  list) cat * | sed 's/.*"ServerURL":\\("[^"]*"\\).*/{\\1:"me"}/' | tail -n 1 ;;
  erase) rm -f "$(echo "$input" | tr / _)" ;;
esac
`);
  chmodSync(join(folder, `docker-credential-${name}`), 0o755);
}

describe('the file', () => {
  test('what docker has written is found by host, whatever it is written as', async () => {
    put({ auths: { 'https://index.docker.io/v1/': { auth: base64('me:a:b c') }, 'https://old.example/v1/': { auth: base64('x:y') }, 'token.example:5000': { auth: base64('<t>:'), identitytoken: 'T' } } });
    expect(await config.credentials('docker.io')).toEqual(ME);
    expect(await config.credentials('old.example')).toEqual({ username: 'x', password: 'y', identitytoken: '' });
    expect(await config.credentials('token.example:5000')).toMatchObject({ identitytoken: 'T' });
    expect(await config.credentials('token.example')).toBeNull();
  });

  test('credentials are kept as docker keeps them, beside all else that stands there', async () => {
    put({ auths: { 'http://r.example': { auth: base64('old:old') } }, psFormat: 'x', proxies: { default: {} } });
    expect(await config.store('r.example', ME)).toBeNull();
    expect(await config.store('docker.io', { ...ME, password: '', identitytoken: 'T' })).toBeNull();
    expect(kept()).toEqual({ auths: { 'r.example': { auth: base64('me:a:b c') }, 'https://index.docker.io/v1/': { identitytoken: 'T' } }, psFormat: 'x', proxies: { default: {} } });
    expect(statSync(join(folder, 'config.json')).mode & 0o777).toBe(0o600);
    expect(await config.credentials('r.example')).toEqual(ME);
    expect([await config.erase('r.example'), await config.erase('r.example'), await config.credentials('r.example')]).toEqual([true, false, null]);
    expect(kept()).toMatchObject({ auths: { 'https://index.docker.io/v1/': { identitytoken: 'T' } }, psFormat: 'x' });
  });

  test('none yet; and one that is a link stays one', async () => {
    expect([await config.credentials('docker.io'), await config.erase('docker.io')]).toEqual([null, false]);
    writeFileSync(join(folder, 'elsewhere.json'), '{}');
    symlinkSync('elsewhere.json', join(folder, 'config.json'));
    await config.store('r.example', ME);
    expect(lstatSync(join(folder, 'config.json')).isSymbolicLink()).toBe(true);
    expect(await config.credentials('r.example')).toEqual(ME);
  });

  test.each<[unknown, RegExp]>([
    ['{', /config\.json: this is not what docker writes \(not a JSON object\): mend it/], [{ auths: { a: 7 } }, /\(auths\.a: /],
    [{ auths: { 'r.example': { auth: base64('nothing') } } }, /auths\."r\.example"\.auth is not base64 of "user:password"/],
  ])('%j is refused in a line', async (value, words) => {
    put(value);
    await expect(config.credentials('r.example')).rejects.toThrow(words);
  });
});

describe('helpers', () => {
  test('one for all, and one for a host, keep what the file then does not', async () => {
    makeHelper('all');
    makeHelper('one');
    put({ credsStore: 'all', credHelpers: { 'one.example': 'one' } });
    expect(await config.store('docker.io', ME)).toBe('docker-credential-all');
    expect(await config.store('one.example', { username: '', password: '', identitytoken: 'T' })).toBe('docker-credential-one');
    expect(kept()).toMatchObject({ auths: { 'https://index.docker.io/v1/': {}, 'one.example': {} } });
    expect(JSON.parse(readFileSync(join(folder, 'one/one.example'), 'utf8'))).toEqual({ ServerURL: 'one.example', Username: '<token>', Secret: 'T' });
    expect(await config.credentials('docker.io')).toEqual(ME);
    expect(await config.credentials('one.example')).toEqual({ username: '', password: '', identitytoken: 'T' });
    expect(await config.credentials('other.example')).toBeNull();
    expect(Object.keys(await config.all()).sort()).toEqual(['docker.io', 'one.example']);
    expect([await config.erase('docker.io'), await config.credentials('docker.io')]).toEqual([true, null]);
  });

  test('one that is missing or fails says so', async () => {
    put({ credsStore: 'missing' });
    await expect(config.credentials('docker.io')).rejects.toThrow(/docker-credential-missing, which Docker's config\.json names, cannot be run: .*ENOENT/);
    writeFileSync(join(folder, 'docker-credential-bad'), '#!/bin/sh\necho the keychain is locked\nexit 1\n', { mode: 0o755 });
    put({ credsStore: 'bad' });
    await expect(config.credentials('docker.io')).rejects.toThrow('docker-credential-bad get: the keychain is locked');
  });

  test('one that answers something else says so', async () => {
    writeFileSync(join(folder, 'docker-credential-odd'), '#!/bin/sh\necho \'{"Username": 7}\'\n', { mode: 0o755 });
    put({ credsStore: 'odd' });
    await expect(config.credentials('docker.io')).rejects.toMatchObject({ code: 'credential-helper', message: 'docker-credential-odd get: its answer is not what such a helper answers: expected {"Username": "…", "Secret": "…"}' });
  });

  test('one that never answers is ended, with what it has started', async () => {
    writeFileSync(join(folder, 'docker-credential-mute'), `#!/bin/sh\ntrap '' TERM\necho $$ > ${folder}/pids\nsleep 1000 &\necho $! >> ${folder}/pids\nwait\n`, { mode: 0o755 });
    const helper = new CredentialHelper('mute', { PATH: `${folder}:/usr/bin:/bin` }, 1500);
    await expect(helper.get('r.example')).rejects.toMatchObject({ code: 'credential-helper', message: expect.stringMatching(/^docker-credential-mute get, which Docker's config\.json names, has not answered within 1\.5 s and was ended: /) });
    const pids = readFileSync(join(folder, 'pids'), 'utf8').trim().split('\n');
    expect(pids).toHaveLength(2);
    await expect.poll(() => pids.filter((pid) => isAlive(pid)), { timeout: 5000 }).toEqual([]);
  });
});

/** A process that has ended, and that nobody has waited for yet, is none. */
function isAlive(pid: string): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
