import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createImages } from '../../src/runtime/image/image-store.ts';
import type { Images } from '../../src/runtime/image/images.ts';
import { LIMITS } from '../../src/runtime/image/registry/limits.ts';
import { Proxies } from '../../src/runtime/image/registry/proxies.ts';
import { RegistryClient } from '../../src/runtime/image/registry/registry-client.ts';
import { Registries } from '../../src/runtime/image/registry/settings.ts';
import { pathsOf } from '../../src/state/paths.ts';
import { sha256, tarBytes } from '../runtime/image/tar-bytes.ts';
import { FakeRegistry } from './fake-registry.ts';

// A registry whose name nobody but the proxy can resolve.
const NAME = 'registry.test:5000';
const tar = tarBytes([{ name: 'file', content: 'far' }]);
const credentials = { [NAME]: { username: 'ann', password: 'secret', identitytoken: '' } };
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

let folder: string;
let registry: FakeRegistry;
/** `METHOD what-it-was-asked-for`, and the credentials for it. */
let asked: string[];
let allowed: string | undefined;
/** Where what is asked for NAME really is. */
let target: { host: string; port: number };

const proxy = createServer((request, response) => {
  asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
  if (request.headers['proxy-authorization'] !== allowed) return void response.writeHead(407).end();
  const { pathname } = new URL(request.url ?? '');
  const { 'proxy-authorization': _own, ...headers } = request.headers;
  request.pipe(httpRequest({ ...target, path: pathname, method: request.method, headers }, (answer) => answer.pipe(response.writeHead(answer.statusCode ?? 502, answer.headers))));
}).on('connect', (request, socket) => {
  asked.push(`CONNECT ${request.url ?? ''}`);
  if (request.headers['proxy-authorization'] !== allowed) return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
  socket.write('HTTP/1.1 200 OK\r\n\r\n');
  const far = connect(target.port, target.host);
  for (const each of [far, socket]) each.on('error', () => { far.destroy(); socket.destroy(); });
  socket.pipe(far).pipe(socket);
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bayplan-proxy-'));
  asked = [];
  allowed = undefined;
  registry = await new FakeRegistry().open();
  registry.add('1', { layers: [gzipSync(tar)], diffIds: [sha256(tar)] });
  registry.intercept = (request, response) => {
    if (request.headers.authorization === basic('ann:secret')) return false;
    response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="x"' }).end();
    return true;
  };
  target = { host: '127.0.0.1', port: Number(registry.host.split(':')[1]) };
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  registry.close();
  proxy.close();
  proxy.closeAllConnections();
  rmSync(folder, { recursive: true });
});

function open(settings: object, proxies: object): Promise<Images> {
  return createImages({ paths: pathsOf(join(folder, 'root')), core: new URL('../../build/bayplan-core', import.meta.url).pathname, users: () => [], registries: new RegistryClient(Registries.parse(settings), { ...LIMITS, attempts: 1 }, Proxies.parse(proxies)) });
}
const at = (user = ''): string => `http://${user}127.0.0.1:${(proxy.address() as AddressInfo).port}`;
const pull = (images: Images): Promise<unknown> => images.pull(`${NAME}/app:1`, { credentials, signal: new AbortController().signal, onProgress: () => undefined });

test('without TLS the proxy is given whole addresses, and its own name and password, which the registry does not see', async () => {
  allowed = basic('me:p@ss');
  await pull(await open({ [NAME]: { plainHttp: true } }, { 'http-proxy': at('me:p%40ss@') }));
  expect(asked[0]).toBe(`GET http://${NAME}/v2/app/manifests/1`);
  expect(asked.every((line) => line.startsWith(`GET http://${NAME}/v2/app/`))).toBe(true);
  expect(new Set(registry.seen.map(({ authorization }) => authorization))).toEqual(new Set([undefined, basic('ann:secret')]));
});

test('with TLS the proxy opens tunnels, sees nothing of what is said, and refuses with its reason', async () => {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=registry.test', '-addext', 'subjectAltName=DNS:registry.test', '-keyout', key, '-out', cert], { stdio: 'pipe' });
  const { port: plain } = target;
  const secure = createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }, (socket) => {
    const far = connect(plain, '127.0.0.1');
    for (const each of [far, socket]) each.on('error', () => { far.destroy(); socket.destroy(); });
    socket.pipe(far).pipe(socket);
  });
  await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
  try {
    target = { host: '127.0.0.1', port: (secure.address() as AddressInfo).port };
    allowed = basic('me:secret2');
    await expect(pull(await open({ [NAME]: { ca: cert } }, { 'https-proxy': at() }))).rejects.toThrow(`proxy ${at().slice('http://'.length)} opens no way to ${NAME}: it asks for a name and a password`);
    await expect(pull(await open({}, { 'https-proxy': at('me:secret2@') }))).rejects.toThrow(`the certificate of registry ${NAME} is not trusted`);
    await pull(await open({ [NAME]: { ca: cert } }, { 'https-proxy': at('me:secret2@') }));
    expect(new Set(asked)).toEqual(new Set([`CONNECT ${NAME}`]));
  } finally {
    secure.close();
  }
});

test('what is excepted, and this host itself, is asked directly; a proxy that is not there is named', async () => {
  const plain = { [NAME]: { plainHttp: true } };
  await expect(pull(await open(plain, { 'http-proxy': at(), 'no-proxy': '.test' }))).rejects.toThrow(`registry ${NAME} cannot be reached`);
  const images = await open(plain, { 'http-proxy': at() });
  await images.pull(`${registry.host}/app:1`, { credentials: { [registry.host]: credentials[NAME] ?? { username: '', password: '', identitytoken: '' } }, signal: new AbortController().signal, onProgress: () => undefined });
  expect(asked).toEqual([]);
  await expect(pull(await open(plain, { 'http-proxy': 'http://127.0.0.1:1' }))).rejects.toThrow('proxy 127.0.0.1:1 cannot be reached');
});
