import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeArchive, writeLayer } from './archive.mjs';
import { makeBase, makeLayer } from './debian.mjs';

const here = join(dirname(fileURLToPath(import.meta.url)), 'shop');
const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const IMAGES = {
  nginx: {
    layer: {
      packages: ['nginx-light', 'busybox-static'], // busybox: wget for health checks
      script: 'rm -f /etc/nginx/sites-enabled/default; ln -sf /dev/stdout /var/log/nginx/access.log; ln -sf /dev/stderr /var/log/nginx/error.log',
    },
    config: { Env: [PATH], Cmd: ['nginx', '-g', 'daemon off;'], ExposedPorts: { '80/tcp': {} }, StopSignal: 'SIGQUIT' },
  },
  app: {
    layer: { packages: ['python3-minimal', 'python3-psycopg2', 'python3-redis'], files: { 'srv/app.py': { from: join(here, 'app.py') } } },
    config: { Env: [PATH, 'PYTHONUNBUFFERED=1'], Cmd: ['python3', '/srv/app.py'], User: 'nobody', WorkingDir: '/srv', ExposedPorts: { '8000/tcp': {} } },
  },
  postgres: {
    layer: {
      packages: ['postgresql-15'],
      files: {
        'etc/postgresql-common/createcluster.conf': { content: 'create_main_cluster = false\n' },
        'usr/local/bin/postgres-entrypoint': { from: join(here, 'postgres-entrypoint'), mode: 0o755 },
      },
      // Without its just-in-time compiler, which brings 150 MB of LLVM along.
      script: 'rm -rf /usr/lib/postgresql/15/lib/bitcode /usr/lib/postgresql/15/lib/llvmjit* /usr/lib/*/libLLVM*; install -d -o postgres -g postgres -m 700 /var/lib/postgresql/data',
    },
    config: {
      Env: [PATH.replace('/usr/local/sbin', '/usr/lib/postgresql/15/bin:/usr/local/sbin'), 'PGDATA=/var/lib/postgresql/data', 'LANG=C.UTF-8'],
      Entrypoint: ['postgres-entrypoint'], Cmd: ['postgres', '-c', 'listen_addresses=*'], ExposedPorts: { '5432/tcp': {} }, Volumes: { '/var/lib/postgresql/data': {} }, StopSignal: 'SIGINT',
    },
  },
  redis: {
    layer: { packages: ['redis-server'], script: 'install -d -o redis -g redis -m 750 /data' },
    config: {
      Env: [PATH], Cmd: ['redis-server', '--bind', '0.0.0.0', '--protected-mode', 'no', '--dir', '/data'],
      User: 'redis', WorkingDir: '/data', ExposedPorts: { '6379/tcp': {} }, Volumes: { '/data': {} },
    },
  },
};

/** The images of examples/shop: Debian's nginx, PostgreSQL and Redis and a small application, each one layer above a shared base. */
export async function makeShop(archive) {
  if (process.getuid?.() !== 0) throw new Error('the images of the shop are made with mmdebstrap and chroot, which need root: run it with sudo');
  const work = mkdtempSync(`${archive}.`);
  try {
    const created = new Date().toISOString();
    const root = join(work, 'base');
    chmodSync(work, 0o755); // apt's unprivileged downloader goes through it
    await makeBase(root);
    const images = Object.entries(IMAGES);
    await Promise.all(images.map(([name, { layer }]) => makeLayer(root, join(work, name), layer)));
    for (const path of ['var/lib/apt/lists', 'var/cache/apt']) rmSync(join(root, path), { recursive: true, force: true });
    const base = await writeLayer(root, join(work, 'base.tar'));
    const made = [];
    for (const [name, { config }] of images) made.push({ names: [`bayplan/${name}:latest`], config, layers: [base, await writeLayer(join(work, name), join(work, `${name}.tar`))] });
    writeArchive(made, archive, created);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
