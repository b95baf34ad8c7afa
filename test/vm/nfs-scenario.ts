// Runs inside the virtual machine: volumes on the kernel's NFS server, which is stopped in the middle. Prints the facts as one JSON object; what they
// should be is said by nfs.test.ts.
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathsOf } from '../../src/state/paths.ts';
import { leftovers } from '../root/leftovers.ts';
import { bayplan, eventually, run, type Ended } from './guest-commands.ts';

export type Facts = Awaited<ReturnType<typeof facts>>;

const paths = pathsOf();
const stack = ['-f', 'test/vm/nfs.yaml'];
const away = ['-f', 'test/vm/nfs-away.yaml'];
const AWAY = '198.51.100.9';

async function facts() {
  startServer();
  makeBlackHole();
  return {
    load: bayplan('load', 'build/images/hello.tar'),
    use: await use(),
    drift: drift(),
    killed: await killEngine(),
    away: await serversAway(),
    down: await down(),
  };
}

function startServer(): void {
  mkdirSync('/export');
  run('mount', '-t', 'tmpfs', 'tmpfs', '/export');
  mkdirSync('/export/deep');
  writeFileSync('/export/by-server', 'served\n');
  appendFileSync('/etc/hosts', '127.0.0.1 nfs-server\n');
  const started = run('test/vm/nfs-server.sh', 'start', '/export');
  if (started.code !== 0) throw new Error(`the NFS server did not start: ${started.stderr}`);
}

/** An address on a wire whose other end takes everything and answers nothing. */
function makeBlackHole(): void {
  for (const command of ['link add wire type dummy', 'address add 198.51.100.1/24 dev wire', 'link set wire up', `neighbour add ${AWAY} lladdr 02:00:00:00:00:09 dev wire`]) run('ip', ...command.split(' '));
}

/** What is mounted below the volumes: mount point, type, options. */
function mounts(): readonly string[] {
  return readFileSync('/proc/mounts', 'utf8').split('\n').filter((line) => line.includes(` ${paths.volumes}/`)).map((line) => {
    const [, at = '', type = '', options = ''] = line.split(' ');
    return `${at.slice(paths.volumes.length + 1)} ${type} ${options}`;
  });
}

function inside(service: string, script: string): Ended {
  return bayplan('exec', '--file', 'test/vm/nfs.yaml', service, 'sh', '-c', script);
}

async function use() {
  const up = bayplan('up', '-d', ...stack);
  return {
    up, mounts: mounts(),
    written: await eventually(() => (existsSync('/export/by-writer') ? readFileSync('/export/by-writer', 'utf8') : ''), (text) => text !== ''),
    host: readFileSync(join(paths.volumes, 'nfs_shared/_data/by-server'), 'utf8'),
    shared: inside('reader', 'cat /data/by-server /data/by-writer /old/by-server'),
    readOnly: inside('reader', 'touch /old/x'),
    again: bayplan('plan', ...stack),
  };
}

function drift() {
  process.env['NFS_OPTIONS'] = 'ro';
  const plan = bayplan('plan', ...stack);
  delete process.env['NFS_OPTIONS'];
  return { plan };
}

async function killEngine() {
  const pid = Number(readdirSync('/proc').filter((name) => /^\d+$/.test(name)).find((name) => readFileSync(`/proc/${name}/cmdline`, 'utf8').endsWith('\0engine\0run\0')));
  process.kill(pid, 'SIGKILL');
  await eventually(() => existsSync(`/proc/${pid}`), (there) => !there);
  const before = mounts();
  // Where the guest is slow, the engine needs longer than a command waits for it.
  const plan = await eventually(() => bayplan('plan', ...stack), ({ code }) => code === 0);
  return { before, plan, after: mounts() };
}

/** One server that does not answer, and one that died while its folder was mounted on the host. */
async function serversAway() {
  mkdirSync('/mnt/folder', { recursive: true });
  const mounted = run('build/bayplan-core', 'mount', '--type', 'nfs', '--source', 'nfs-server:/', '--target', '/mnt/folder', '--options', 'vers=4.2,addr=127.0.0.1,timeo=100');
  const stopped = run('test/vm/nfs-server.sh', 'stop');
  const child = spawn(process.execPath, ['build/bayplan.cjs', 'up', '-d', ...away], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => { output += data.toString(); });
  const begin = Date.now();
  const ended = new Promise<number>((resolve) => child.once('close', () => resolve(Date.now() - begin)));
  const free = await eventually(() => bayplan('ps', ...away, '--format', 'json'), ({ stdout }) => stdout.includes('away-free-1'));
  return { mounted, stopped, free, ms: await ended, output };
}

async function down() {
  const commands = [bayplan('down', '-t', '1', ...stack), bayplan('down', '-t', '1', ...away)];
  const left = await eventually(() => leftovers(paths), (found) => found.length === 0);
  const remove = bayplan('down', '-v', ...stack);
  const engineLog = readFileSync(join(paths.run, 'engine.log'), 'utf8'); // goes with the engine
  return { commands, mounts: mounts(), left, remove, volumes: readdirSync(paths.volumes), engineLog, stop: bayplan('engine', 'stop') };
}

facts().then((found) => {
  console.log(JSON.stringify(found));
  process.exit(0);
}, (error: unknown) => {
  console.error(error);
  process.exit(1);
});
