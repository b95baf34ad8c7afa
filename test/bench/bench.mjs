#!/usr/bin/env node
// Measures what a user waits for, beside Docker and the kernel's floor, in one run with the rounds interleaved. Medians are printed.
//   node test/bench/bench.mjs [--rounds N] [--json FILE] [--services N]
// Docker is measured where ../shared/bench/docker-engine is present (or BAYPLAN_BENCH_DOCKER names such a script), else its column is empty.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { dnsSide } from './dns.mjs';
import { containerFigures, containerTable } from './container.mjs';
import { ociFigures, ociTable } from './oci.mjs';
import { publishedPortSide } from './published-port.mjs';
import { pullSide } from './pull.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const top = resolve(here, '../..');
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, services: { type: 'string', default: '50' }, json: { type: 'string' } } });
const rounds = Number(values.rounds);
const count = Number(values.services);
const scratch = mkdtempSync(join(tmpdir(), 'bayplan-bench-'));
const program = join(top, 'build/bayplan.cjs');
const root = join(scratch, 'root');

/** Node's own settings are left out: NODE_EXTRA_CA_CERTS alone doubles the time each of its starts takes. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('NODE_')));

/** Runs a command to its end; its output. A failure ends the benchmark with the command's own words. */
function output(command, args) {
  const done = spawnSync(command, args, { encoding: 'utf8', env, maxBuffer: 256 << 20 });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${done.status}\n${done.stdout}${done.stderr}`);
  return done.stdout;
}

/** The wall time of a command in ms. */
function timed(command, args) {
  const begin = process.hrtime.bigint();
  output(command, args);
  return Number(process.hrtime.bigint() - begin) / 1e6;
}

const bayplan = (...args) => timed(process.execPath, [program, '--root', root, ...args]);

/** Sum of the proportional set sizes, in MiB, of the processes that `select` chooses by their command line. */
function pss(select) {
  let kib = 0;
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      if (!select(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'))) continue;
      kib += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
    } catch (error) {
      if (!['ENOENT', 'ESRCH'].includes(error.code)) throw error;
    }
  }
  return kib / 1024;
}

/** All that runs beside the containers: programs of ours that were started for this root, and shims (with their children that serve names). */
function bayplanMemory() {
  return pss((words) => words.some((word) => word === root || word.startsWith(`${root}/`)));
}

const dockerMemory = () => pss((words) => /(^|\/)(dockerd|containerd|containerd-shim-runc-v2|docker-proxy)$/.test(words[0] ?? ''));

function composeFile(folder, services) {
  mkdirSync(folder, { recursive: true });
  const texts = Array.from({ length: services }, (_, i) => `  s${i}:\n    image: bayplan/hello\n    command: [sleep, "100000"]\n    stop_signal: SIGKILL\n`);
  const file = join(folder, 'compose.yaml');
  writeFileSync(file, `name: bench-${services}\nservices:\n${texts.join('')}`);
  return file;
}

/** A stack file with what real ones have, for the time that it takes to understand it. */
function configFile(folder, services) {
  mkdirSync(folder, { recursive: true });
  const texts = Array.from({ length: services }, (_, i) => `  s${i}:
    image: nginx:1.27
    environment: { A: "1", B: b${i}, C: "\${C:-x}" }
    ports: ["${10000 + i}:80"]
    volumes: ["data:/data", "./x${i}:/x:ro"]
    labels: [a=b, c=d]
    healthcheck: { test: [CMD, "true"], interval: 10s }
    depends_on: [${i > 0 ? `s${i - 1}` : ''}]
    deploy: { resources: { limits: { memory: 64m } } }
    restart: unless-stopped
`);
  const file = join(folder, 'compose.yaml');
  writeFileSync(file, `name: config-${services}\nservices:\n${texts.join('')}volumes: { data: {} }\n`);
  return file;
}

function dockerSide() {
  const script = process.env.BAYPLAN_BENCH_DOCKER ?? resolve(top, '../shared/bench/docker-engine');
  if (!existsSync(script)) return null;
  const address = execFileSync(script, ['start'], { encoding: 'utf8' }).trim().split('\n').at(-1);
  execFileSync('docker', ['-H', address, 'load', '-i', join(top, 'build/images/hello.tar')], { stdio: 'ignore' });
  return {
    compose: (file, ...args) => timed(script, ['compose', '-f', `/host${file}`, ...args]),
    runRm: () => runRm(address),
    port: publishedPortSide(join(scratch, 'docker'), (path, ...args) => output(script, ['compose', '-f', `/host${path}`, ...args])),
    stop: () => spawnSync(script, ['stop'], { stdio: 'ignore' }), // what it could not clean up is no figure
  };
}

/** `docker run --rm IMAGE true` on the default bridge network, by the stock client. */
const runRm = (address) => timed('docker', ['-H', address, 'run', '--rm', 'bayplan/hello', 'true']);

function floorSide() {
  const floor = join(scratch, 'floor');
  execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', floor, join(here, 'floor.c')], { stdio: 'inherit' });
  const lower = join(scratch, 'lower');
  mkdirSync(join(lower, 'bin'), { recursive: true });
  mkdirSync(join(lower, 'proc'));
  execFileSync('cp', ['/bin/busybox', join(lower, 'bin/sleep')]);
  return (containers) => {
    const folder = mkdtempSync(join(scratch, 'floor-'));
    const { up, down } = JSON.parse(execFileSync(floor, [String(containers), lower, folder], { encoding: 'utf8' }));
    rmSync(folder, { recursive: true, force: true });
    return { up, down };
  };
}

function median(list) {
  if (list.length === 0) return null;
  const sorted = [...list].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

const names = { up: `up-${count}`, again: `up-${count}-again`, down: `down-${count}`, memory: `memory-${count}`, ps: 'ps', runRm: 'run-rm', dnsRate: 'dns', dnsTime: 'dns-median', pull: 'pull', port: 'published-port', routed: 'routed', config: 'config-1000' };
/** More services than the rest is measured with, to see whether the cost of one grows more than the kernel's own. The larger number takes its time: it is measured once. */
const SCALES = [{ services: 100, rounds }, { services: 1000, rounds: 1 }];
for (const { services } of SCALES) names[`up${services}`] = `up-${services}`;
const units = { [names.memory]: 'MiB', [names.dnsRate]: '1/s', [names.port]: 'MB/s', [names.routed]: 'MB/s' };
const figures = Object.fromEntries(Object.values(names).map((name) => [name, { bayplan: [], docker: [], floor: [] }]));
const note = (name, side, value) => figures[name][side].push(value);

const file = composeFile(join(scratch, 'bench'), count);
const floor = floorSide();
const dns = dnsSide(scratch, (...args) => output(process.execPath, [program, '--root', root, ...args]));
const port = publishedPortSide(scratch, (path, ...args) => output(process.execPath, [program, '--root', root, args[0], '-f', path, ...args.slice(1)]));
const node = () => timed(process.execPath, ['-e', '0']);
let docker = null;
let registry = null;
const client = spawnSync('docker', ['--version']).status === 0;
try {
  execFileSync(process.execPath, [join(top, 'test/images/make-images.mjs'), 'hello'], { stdio: 'ignore' });
  docker = dockerSide();
  registry = await pullSide(scratch, (...args) => output(process.execPath, [program, ...args]));
  bayplan('load', join(top, 'build/images/hello.tar'));
  bayplan('up', '-d', '-f', file); // warm: layers unpacked, code cached
  bayplan('down', '-f', file);
  if (docker) { docker.compose(file, 'up', '-d'); docker.compose(file, 'down'); }
  for (let round = 0; round < rounds; round++) {
    note(names.up, 'bayplan', bayplan('up', '-d', '-f', file));
    note(names.again, 'bayplan', bayplan('up', '-d', '-f', file));
    note(names.ps, 'bayplan', bayplan('ps', '-f', file));
    note(names.memory, 'bayplan', bayplanMemory());
    note(names.down, 'bayplan', bayplan('down', '-f', file));
    const bare = floor(count);
    note(names.up, 'floor', bare.up);
    note(names.down, 'floor', bare.down);
    for (const name of [names.again, names.ps]) note(name, 'floor', node());
    if (!docker) continue;
    note(names.up, 'docker', docker.compose(file, 'up', '-d'));
    note(names.again, 'docker', docker.compose(file, 'up', '-d'));
    note(names.ps, 'docker', docker.compose(file, 'ps'));
    note(names.memory, 'docker', dockerMemory());
    note(names.down, 'docker', docker.compose(file, 'down'));
  }
  for (let round = 0; round < rounds; round++) { // apart: thousands of files that come and go slow the file system down for whoever is next
    if (client) {
      const socket = `unix://${output(process.execPath, [program, '--root', root, 'engine', 'status']).trim().split(' ').at(-1)}`;
      runRm(socket); // warm: the bridge network is there, as the ones before it leave it
      note(names.runRm, 'bayplan', runRm(socket));
      note(names.runRm, 'floor', timed('docker', ['-H', socket, 'version']) + (median(figures[names.up].floor) + median(figures[names.down].floor)) / count); // the client's own time, and a bare container's
    }
    if (docker) note(names.runRm, 'docker', docker.runRm());
    const { perSecond, medianMs } = dns();
    note(names.dnsRate, 'bayplan', perSecond);
    note(names.dnsTime, 'bayplan', medianMs);
    const carried = port();
    note(names.port, 'bayplan', carried.published);
    note(names.port, 'floor', carried.host); // the same server without a container
    note(names.routed, 'floor', carried.routed);
    if (docker) note(names.port, 'docker', docker.port().published);
    if (registry) {
      note(names.pull, 'bayplan', registry.pull());
      note(names.pull, 'floor', registry.floor());
    }
  }
  const described = configFile(join(scratch, 'config'), 1000);
  for (let round = 0; round < rounds; round++) {
    note(names.config, 'bayplan', bayplan('config', '--format', 'json', '-f', described));
    note(names.config, 'floor', node());
    if (docker) note(names.config, 'docker', docker.compose(described, 'config', '--format', 'json'));
  }
  const reconciler = JSON.parse(output(process.execPath, ['--expose-gc', '--max-semi-space-size=4', join(here, 'reconciler.mjs')]));
  for (const [containers, { plan, pass, rest, idle, memory }] of Object.entries(reconciler.counts)) {
    for (const [name, unit, value] of [[`pass-${containers}`, 'ms', pass], [`plan-${containers}`, 'ms', plan], [`rest-${containers}`, 's', rest], [`idle-cpu-${containers}`, '%', idle], [`idle-memory-${containers}`, 'MiB', memory]]) {
      figures[name] = { bayplan: [value], docker: [], floor: [] };
      units[name] = unit;
    }
  }
  for (const [kind, seconds] of Object.entries(reconciler.heal)) {
    figures[`heal-${kind}`] = { bayplan: [seconds], docker: [], floor: [] };
    units[`heal-${kind}`] = 's';
  }
  for (const scale of SCALES) {
    const large = composeFile(join(scratch, `bench-${scale.services}`), scale.services);
    for (let round = 0; round < scale.rounds; round++) {
      note(`up-${scale.services}`, 'bayplan', bayplan('up', '-d', '-f', large));
      bayplan('down', '-f', large);
      note(`up-${scale.services}`, 'floor', floor(scale.services).up);
    }
  }
} finally {
  for (const stack of [count, ...SCALES.map(({ services }) => services)]) spawnSync(process.execPath, [program, '--root', root, 'down', '-p', `bench-${stack}`]);
  spawnSync(process.execPath, [program, '--root', root, 'engine', 'stop']);
  docker?.stop();
  registry?.close();
  rmSync(scratch, { recursive: true, force: true });
}

const rows = Object.entries(figures).map(([name, sides]) => ({
  name, unit: units[name] ?? 'ms',
  bayplan: median(sides.bayplan), docker: median(sides.docker), floor: median(sides.floor),
}));
const show = (value) => (value === null ? '–' : value.toFixed(value < 1 ? 3 : value < 100 ? 1 : 0)).padStart(9);
const ratio = (a, b) => (a === null || b === null || a === 0 ? '–' : `${(b / a).toFixed(1)}×`).padStart(9);
console.log(`${rounds} rounds, medians\n${'what'.padEnd(18)}${'unit'.padEnd(6)}${'bayplan'.padStart(9)}${'docker'.padStart(9)}${'floor'.padStart(9)}${'docker/us'.padStart(10)}`);
for (const row of rows) console.log(`${row.name.padEnd(18)}${row.unit.padEnd(6)}${show(row.bayplan)}${show(row.docker)}${show(row.floor)}${ratio(row.bayplan, row.docker).padStart(10)}`);
const core = ociFigures();
console.log(`\n${ociTable(core)}`);
const single = await containerFigures();
console.log(containerTable(single));
if (values.json) writeFileSync(values.json, `${JSON.stringify([...rows, { name: 'core', unit: 'ms', ...core }], null, 2)}\n`);
