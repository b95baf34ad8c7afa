import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { writeArchive, writeLayer } from '../images/archive.mjs';

const FILES = 10_000;
const FILE_BYTES = 19_000;

/**
 * Pulls an image of one layer (10,000 files, 190 MB, compressed to about half) from a docker-registry on loopback, and the floor: `gzip -dc | tar -x` of the same
 * layer's blob. Each pull and each floor has a file system of its own, newly made (ext4 with its defaults on a loop device, as large as one that holds images): on one
 * without a journal ext4 looks through all inodes deleted in the last minutes before it makes a file, which is up to ten times the work that is measured here and
 * meets whoever comes later. Null where there is no docker-registry.
 */
export async function pullSide(scratch, bayplan) {
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
  return {
    /** Wall time of a pull by an engine that runs, in ms. */
    pull: () => onNewDisk(folder, (root) => {
      bayplan('--root', root, 'image', 'ls');
      try {
        return timed(() => bayplan('--root', root, 'pull', image));
      } finally {
        bayplan('--root', root, 'engine', 'stop');
      }
    }),
    /** Wall time of the floor in ms. */
    floor: () => onNewDisk(folder, (into) => timed(() => execFileSync('sh', ['-c', 'gzip -dc "$1" | tar -x -C "$2"', 'sh', blob, into]))),
    close: () => registry.kill('SIGKILL'),
  };
}

function timed(work) {
  const begin = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - begin) / 1e6;
}

function onNewDisk(folder, work) {
  const disk = join(folder, 'disk');
  const at = join(folder, 'mounted');
  writeFileSync(disk, '');
  truncateSync(disk, 4 * 1024 ** 3);
  execFileSync('mkfs.ext4', ['-q', disk]);
  mkdirSync(at, { recursive: true });
  execFileSync('mount', ['-o', 'loop', disk, at]);
  try {
    const into = join(at, 'data');
    mkdirSync(into);
    return work(into);
  } finally {
    execFileSync('umount', [at]);
    rmSync(disk);
  }
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
