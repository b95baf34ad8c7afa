import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { writeArchive, writeLayer } from '../images/archive.mjs';

const FILES = 10_000;
const FILE_BYTES = 19_000;

/**
 * Pulls an image of one layer (10,000 files, 190 MB, compressed to about half) from a docker-registry on loopback, and the floor: `gzip -dc | tar -x` of the same
 * layer. Null where there is no docker-registry.
 */
export async function pullSide(scratch) {
  if (spawnSync('docker-registry', ['--version']).error !== undefined) return null;
  const folder = mkdtempSync(join(scratch, 'pull-'));
  const port = await freePort();
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ version: '0.1', log: { level: 'error' }, storage: { filesystem: { rootdirectory: join(folder, 'data') } }, http: { addr: `127.0.0.1:${port}` } }));
  const registry = spawn('docker-registry', ['serve', join(folder, 'config.json')], { stdio: 'ignore' });
  const image = `127.0.0.1:${port}/bench:1`;
  await makeLayer(folder);
  execFileSync('skopeo', ['copy', '-q', '--dest-tls-verify=false', `docker-archive:${join(folder, 'image.tar')}`, `docker://${image}`]);
  const { layers: [{ digest }] } = JSON.parse(execFileSync('skopeo', ['inspect', '--raw', '--tls-verify=false', `docker://${image}`], { encoding: 'utf8' }));
  const hex = digest.slice('sha256:'.length);
  const blob = join(folder, 'data/docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data');
  let turn = 0;
  return {
    image,
    /** Wall time of the floor in ms. */
    floor() {
      const into = join(folder, `floor-${turn++}`);
      mkdirSync(into);
      const begin = process.hrtime.bigint();
      execFileSync('sh', ['-c', 'gzip -dc "$1" | tar -x -C "$2"', 'sh', blob, into]);
      const ms = Number(process.hrtime.bigint() - begin) / 1e6;
      rmSync(into, { recursive: true });
      return ms;
    },
    close: () => registry.kill('SIGKILL'),
  };
}

async function makeLayer(folder) {
  const tree = join(folder, 'tree');
  for (let i = 0; i < FILES; i++) {
    if (i % 100 === 0) mkdirSync(join(tree, `d${i / 100}`), { recursive: true });
    const seed = createHash('shake256', { outputLength: FILE_BYTES / 2 }).update(String(i)).digest('hex'); // 4 bits a byte: halves
    writeFileSync(join(tree, `d${Math.floor(i / 100)}`, `f${i}`), seed);
  }
  const layer = await writeLayer(tree, join(folder, 'layer.tar'), { owner: 0, mtime: 0 });
  writeArchive([{ names: ['bench:1'], config: { Cmd: ['true'] }, layers: [layer] }], join(folder, 'image.tar'), '2024-01-01T00:00:00Z');
  rmSync(tree, { recursive: true });
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
