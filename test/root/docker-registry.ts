import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './harness.ts';

/** bcrypt of `secret`. */
const SECRET = '$2b$05$mT8vlqf41dasTx.hudU8LeWUV6TkNS/FQyTCD8RsNQiclDwJzMLEe';

/** Debian's docker-registry on a port of loopback, with a store of its own. */
export class DockerRegistry {
  readonly folder = mkdtempSync(join(tmpdir(), 'bayplan-docker-registry-'));
  host = '';
  #process: ChildProcess | null = null;

  /** `auth`: lets nobody in but `ann`, by the password `secret`. */
  async open(options: { auth?: boolean; tls?: { cert: string; key: string } } = {}): Promise<this> {
    const port = await freePort();
    this.host = `127.0.0.1:${port}`;
    const config = {
      version: '0.1', log: { level: 'error' }, storage: { filesystem: { rootdirectory: join(this.folder, 'data') } },
      http: { addr: this.host, ...(options.tls === undefined ? {} : { tls: { certificate: options.tls.cert, key: options.tls.key } }) },
      ...(options.auth === true ? { auth: { htpasswd: { realm: 'test', path: join(this.folder, 'htpasswd') } } } : {}),
    };
    writeFileSync(join(this.folder, 'htpasswd'), `ann:${SECRET}\n`);
    writeFileSync(join(this.folder, 'config.json'), JSON.stringify(config)); // JSON is YAML
    this.#process = spawn('docker-registry', ['serve', join(this.folder, 'config.json')], { stdio: 'ignore' });
    await eventually(() => new Promise<void>((resolve, reject) => {
      const connection = connect(port, '127.0.0.1', () => {
        connection.destroy();
        resolve();
      });
      connection.once('error', reject);
    }));
    return this;
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#process?.once('exit', resolve));
    this.#process?.kill('SIGKILL');
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
