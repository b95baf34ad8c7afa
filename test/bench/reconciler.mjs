// The engine by itself, in a process of its own: passes over containers that are all as they should be, what they cost while nothing happens, and how long each kind of drift lasts.
//   node --expose-gc test/bench/reconciler.mjs [--containers N[,N…]] [--idle SECONDS] [--no-heal]
import { execFileSync } from 'node:child_process';
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const top = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const { createEngine, desiredOf, loadStack } = createRequire(import.meta.url)(join(top, 'build/index.cjs'));
const { values } = parseArgs({ options: { containers: { type: 'string', default: '10,100,1000' }, idle: { type: 'string', default: '30' }, heal: { type: 'boolean', default: true } }, allowNegative: true });
const folder = mkdtempSync(join(tmpdir(), 'bayplan-reconciler-'));
const root = join(folder, 'root');
const PASSES = 15;
const PORT = 18872;

const sh = (command) => execFileSync('sh', ['-c', command], { encoding: 'utf8' });
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

function request(name, text) {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, text);
  const { project, mistakes } = loadStack({ files: [file], workingDir: folder, projectName: name, environment: {}, profiles: [], envFiles: null, read: (path) => (existsSync(path) ? readFileSync(path, 'utf8') : null) });
  if (project === null) throw new Error(JSON.stringify(mistakes));
  return { version: 1, base: null, from: null, source: { workingDir: folder, files: [file] }, desired: desiredOf(project, { removeOrphans: false }), bytes: {} };
}

async function gather(run) {
  let end = null;
  await run((event) => { end = event; }, new AbortController().signal);
  if (end?.ok !== true) throw new Error(end?.message ?? 'the pass did not end');
}

async function timed(times, run) {
  const all = [];
  for (let round = 0; round < times; round++) {
    const begin = performance.now();
    await run();
    all.push(performance.now() - begin);
  }
  return median(all);
}

const many = (count) => `services:\n${Array.from({ length: count }, (_, at) => `  s${at}: { image: bayplan/hello, command: [sleep, "100000"], stop_signal: SIGKILL }\n`).join('')}`;
const web = `services: { web: { image: bayplan/hello, command: [httpd, -f, -p, "80"], stop_signal: SIGKILL, mem_limit: 64m, ports: ["127.0.0.1:${PORT}:80"], tmpfs: [/scratch] } }\n`;

/** ms of a pass with nothing to do, and of a plan, over so many containers; processor time and memory of the engine with them while nothing happens. */
async function passes(engine, count, idleSeconds) {
  const asked = request(`many-${count}`, many(count));
  const up = () => gather((onEvent, signal) => engine.applyStack(`many-${count}`, asked, { wait: false }, onEvent, signal));
  await up();
  await sleep(3000); // all are watched and have been looked at
  const plan = await timed(PASSES, () => engine.planStack(`many-${count}`, asked));
  const pass = await timed(PASSES, up);
  globalThis.gc?.();
  const rest = await atRest();
  const before = process.cpuUsage();
  await sleep(idleSeconds * 1000);
  const { user, system } = process.cpuUsage(before);
  const memory = Number(/^Pss:\s+(\d+)/m.exec(readFileSync('/proc/self/smaps_rollup', 'utf8'))?.[1] ?? 0) / 1024;
  await gather((onEvent, signal) => engine.removeStack(`many-${count}`, { volumes: false, stopTimeoutSeconds: 0 }, onEvent, signal));
  return { plan, pass, rest, idle: (user + system) / 1e4 / idleSeconds, memory };
}

/** Seconds until the engine has used less than 0.5 % of a core three seconds in a row: the kernel tells of the carriers of new links a hundred a second, long after they were made. At most a minute. */
async function atRest() {
  let calm = 0;
  for (let second = 1; second <= 60; second++) {
    const before = process.cpuUsage();
    await sleep(1000);
    const { user, system } = process.cpuUsage(before);
    calm = user + system < 5000 ? calm + 1 : 0;
    if (calm === 3) return second - 3;
  }
  return 60;
}

/** Seconds from a hand's change until the engine says that it is healed. */
async function heals(engine, paths) {
  const asked = request('drifts', web);
  await gather((onEvent, signal) => engine.applyStack('drifts', asked, { wait: true }, onEvent, signal));
  await sleep(1000);
  const status = () => engine.container('drifts-web-1').status;
  const bridge = () => engine.networks.list().get('drifts_default').status.link;
  const inside = (command) => sh(`nsenter -t ${status().pid} ${command}`);
  const limit = () => ['/sys/fs/cgroup/memory', '/sys/fs/cgroup'].flatMap((folder) => ['memory.limit_in_bytes', 'memory.max'].map((name) => join(folder, paths.cgroup, status().id.slice(0, 16), name))).find((path) => existsSync(path));
  const kinds = {
    link: () => inside('-n ip link del eth0'), address: () => inside('-n ip addr flush dev eth0'), route: () => inside('-n ip route del default'), limit: () => writeFileSync(limit(), String(32 << 20)),
    bridge: () => sh(`ip link del ${bridge()}`), rules: () => sh(`nft delete table inet ${paths.table}`), mount: () => inside('-m umount /scratch'),
    process: () => { const { pid, shimPid } = JSON.parse(readFileSync(join(paths.bundles, status().id.slice(0, 16), 'pid'), 'utf8')); process.kill(shimPid, 'SIGKILL'); process.kill(pid, 'SIGKILL'); },
  };
  const figures = {};
  for (const [kind, change] of Object.entries(kinds)) {
    const all = [];
    for (let round = 0; round < 3; round++) {
      let healed = () => undefined;
      const heard = new Promise((done) => { healed = done; });
      const off = engine.events.onEvent(({ action }) => { if (action === 'heal') healed(); });
      const begin = performance.now();
      change();
      await Promise.race([heard, sleep(20_000).then(() => { throw new Error(`${kind}: it was not healed`); })]);
      all.push((performance.now() - begin) / 1000);
      off();
      await sleep(700);
    }
    figures[kind] = median(all);
  }
  await gather((onEvent, signal) => engine.removeStack('drifts', { volumes: false, stopTimeoutSeconds: 0 }, onEvent, signal));
  return figures;
}

const running = await createEngine({ root, report: (line) => process.stderr.write(`${line}\n`) });
const { engine } = running;
try {
  await engine.images.load(createReadStream(join(top, 'build/images/hello.tar')));
  const heal = values.heal ? await heals(engine, engine.paths) : {};
  const counts = {};
  for (const count of values.containers.split(',').map(Number)) counts[count] = await passes(engine, count, Number(values.idle));
  process.stdout.write(`${JSON.stringify({ counts, heal })}\n`);
} finally {
  for (const { name } of engine.stacks()) await engine.removeStack(name, { volumes: true, stopTimeoutSeconds: 0 }, () => undefined, new AbortController().signal);
  await running.close();
  rmSync(folder, { recursive: true, force: true });
}
