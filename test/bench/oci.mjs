// The core alone as an OCI runtime, beside runc and crun where they are installed: one bundle of busybox, `run -d` and, once its program has ended, `delete`.
// Also a program of its own: `node test/bench/oci.mjs`.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const core = join(here, '../../build/bayplan-core');
const RUNS = 40;
const MANY = 1000;

/** A bundle as `spec` writes it, but without a terminal and with `args`. */
function makeBundle(folder, args) {
  for (const name of ['bin', 'proc', 'dev', 'sys']) mkdirSync(join(folder, 'rootfs', name), { recursive: true });
  copyFileSync('/bin/busybox', join(folder, 'rootfs/bin/busybox'));
  execFileSync(core, ['spec', '--bundle', folder]);
  const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  config.process = { ...config.process, terminal: false, args };
  config.ociVersion = '1.0.0'; // older runtimes refuse newer ones
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
}

/** crun finds no cgroups where version 2 is mounted beside version 1: it gets a view without it. */
const withoutUnified = (argv) => (existsSync('/sys/fs/cgroup/unified/cgroup.procs') ? ['unshare', '-m', 'sh', '-c', 'umount /sys/fs/cgroup/unified && exec "$0" "$@"', ...argv] : argv);

function measure(program, runtime, folder, wrap) {
  const [command, ...args] = wrap([program, String(RUNS), folder, ...runtime]);
  return JSON.parse(execFileSync(command, args, { encoding: 'utf8' }));
}

/** `{ bayplan, runc, crun }` in milliseconds (null: not installed), each the median of three interleaved medians, and `{ first, last }` of MANY containers that stay. */
export function ociFigures() {
  const scratch = mkdtempSync(join(tmpdir(), 'bayplan-bench-oci-'));
  const root = join(scratch, 'state');
  const program = join(scratch, 'oci');
  const [ending, staying] = ['ending', 'staying'].map((name) => join(scratch, name));
  const installed = (name) => spawnSync(name, ['--version']).status === 0;
  const sides = {
    bayplan: { runtime: [core, '--root', root], wrap: (argv) => argv, sums: [] },
    runc: { runtime: ['runc', '--root', join(scratch, 'runc')], wrap: (argv) => argv, sums: [] },
    crun: { runtime: ['crun', '--root', join(scratch, 'crun')], wrap: withoutUnified, sums: [] },
  };
  try {
    execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', program, join(here, 'oci.c')], { stdio: 'inherit' });
    makeBundle(ending, ['/bin/busybox', 'true']);
    makeBundle(staying, ['/bin/busybox', 'sleep', '100000']);
    for (let round = 0; round < 3; round++) {
      for (const [name, side] of Object.entries(sides)) if (name === 'bayplan' || installed(name)) side.sums.push(measure(program, side.runtime, ending, side.wrap).sum);
    }
    const scale = JSON.parse(execFileSync(program, ['keep', String(MANY), staying, core, '--root', root], { encoding: 'utf8' }));
    const median = (list) => (list.length === 0 ? null : [...list].sort((a, b) => a - b)[list.length >> 1]);
    return { ...Object.fromEntries(Object.entries(sides).map(([name, { sums }]) => [name, median(sums)])), ...scale };
  } finally {
    const ids = spawnSync(core, ['--root', root, 'list', '-q'], { encoding: 'utf8' }).stdout.split('\n').filter((id) => id !== '');
    for (const id of ids) spawnSync(core, ['--root', root, 'delete', '--force', id]);
    rmSync(scratch, { recursive: true, force: true });
  }
}

export function ociTable({ bayplan, runc, crun, first, last }) {
  const show = (value) => (value === null ? '–' : value.toFixed(1)).padStart(9);
  return `${'core alone'.padEnd(16)}${'unit'.padEnd(6)}${'bayplan'.padStart(9)}${'runc'.padStart(9)}${'crun'.padStart(9)}\n${'run -d, delete'.padEnd(16)}${'ms'.padEnd(6)}${show(bayplan)}${show(runc)}${show(crun)}\n`
    + `run -d of ${MANY} that stay: ${first.toFixed(1)} ms for each of the first tenth, ${last.toFixed(1)} ms for each of the last`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(ociTable(ociFigures()));
