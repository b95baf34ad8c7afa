// One container's own costs: a command in it over the API, its shim's private memory, and what its output passes through. Also a program of its own: `node test/bench/container.mjs`.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const top = join(dirname(fileURLToPath(import.meta.url)), '../..');
const program = join(top, 'build/bayplan.cjs');
const EXECS = 60;
const OUTPUT = 16_000; // pieces of 64 KiB: 1 GB

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

/** A request to the engine; its body. */
const call = (socketPath, method, path, body) => new Promise((resolve, reject) => {
  request({ socketPath, method, path, headers: { 'Content-Type': 'application/json' } }, (response) => {
    const parts = [];
    response.on('data', (part) => parts.push(part)).once('end', () => resolve(Buffer.concat(parts).toString())).once('error', reject);
  }).once('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
});

/** Bytes in the frames of a log. */
const outputBytes = (socketPath, path) => new Promise((resolve, reject) => {
  let sum = 0;
  let rest = Buffer.alloc(0);
  let left = 0; // of the frame that is read
  request({ socketPath, path }, (response) => {
    response.on('data', (part) => {
      rest = rest.length === 0 ? part : Buffer.concat([rest, part]);
      for (;;) {
        const taken = Math.min(left, rest.length);
        sum += taken;
        left -= taken;
        rest = rest.subarray(taken);
        if (left > 0 || rest.length < 8) return;
        left = rest.readUInt32BE(4);
        rest = rest.subarray(8);
      }
    }).once('end', () => resolve(sum)).once('error', reject);
  }).once('error', reject).end();
});

/** Private memory of the shims of an engine, each with its child that serves names, in KiB. */
function shimMemory(run) {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      if (words[1] !== 'shim' || !words.some((word) => word.startsWith(run))) return [];
      return [[...readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').matchAll(/^Private_(?:Clean|Dirty):\s+(\d+)/gm)].reduce((sum, [, kib]) => sum + Number(kib), 0)];
    } catch {
      return []; // it has ended
    }
  });
}

/** `{ execMs, shimKib, outputMb }`: a command over the API (created, run, its output read); the largest of the processes beside a container; MB a second through one shim to the disk, none lost. */
export async function containerFigures() {
  const folder = mkdtempSync(join(tmpdir(), 'bayplan-bench-container-'));
  const root = join(folder, 'root');
  const bayplan = (...args) => execFileSync(process.execPath, [program, '--root', root, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const file = join(folder, 'compose.yaml');
  writeFileSync(file, `name: one\nservices:\n  idle: { image: bayplan/hello, command: [sleep, "1000"], init: true }\n  writer: { image: bayplan/hello, profiles: [write], command: [dd, if=/dev/zero, bs=64k, "count=${OUTPUT}"], logging: { options: { max-size: "-1" } } }\n`);
  try {
    execFileSync(process.execPath, [join(top, 'test/images/make-images.mjs'), 'hello'], { stdio: 'ignore' });
    bayplan('load', join(top, 'build/images/hello.tar'));
    bayplan('up', '-d', '-f', file);
    const socket = bayplan('engine', 'status').trim().split(' ').at(-1);
    const once = async () => {
      const begin = performance.now();
      const { Id } = JSON.parse(await call(socket, 'POST', '/containers/one-idle-1/exec', { Cmd: ['true'], AttachStdout: true }));
      await call(socket, 'POST', `/exec/${Id}/start`, {});
      return performance.now() - begin;
    };
    await once();
    const times = [];
    for (let i = 0; i < EXECS; i++) times.push(await once());
    const shims = shimMemory(dirname(socket)); // the instance's own folder
    bayplan('--profile', 'write', 'up', '-d', '-f', file, 'writer');
    await call(socket, 'POST', '/containers/one-writer-1/wait');
    const { State: written } = JSON.parse(await call(socket, 'GET', '/containers/one-writer-1/json'));
    const seconds = (Date.parse(written.FinishedAt) - Date.parse(written.StartedAt)) / 1000;
    const kept = await outputBytes(socket, '/containers/one-writer-1/logs?stdout=1'); // all of it, or the figure is none
    if (kept < OUTPUT * 65_536) throw new Error(`output was lost: ${kept} of ${OUTPUT * 65_536} bytes`);
    return { execMs: median(times), shimKib: Math.max(...shims), outputMb: OUTPUT * 65_536 / 1e6 / seconds };
  } finally {
    bayplan('--profile', 'write', 'down', '-t', '0', '-f', file);
    bayplan('engine', 'stop');
    rmSync(folder, { recursive: true, force: true });
  }
}

export const containerTable = ({ execMs, shimKib, outputMb }) => `one container: exec over the API ${execMs.toFixed(1)} ms (hold 8), private memory of the largest process beside it ${shimKib} KiB (hold 500), output through its shim ${Math.round(outputMb)} MB/s (hold 200)`;

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(containerTable(await containerFigures()));
