import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { build, eventually, Machine, top } from '../root/harness.ts';
import { countedOutput, startTimeOf } from '../root/interrupted.ts';

/** The commit before this one, and one of long before, whose containers may run on somewhere. */
const EARLIER = ['HEAD^', 'b7dce76'];

const STACK = `
services:
  count:
    image: bayplan/hello
    command: ["sh", "-c", "httpd -p 80 -h /etc; i=0; while true; do echo $$i; i=$$((i+1)); usleep 5000; done"]
    stop_signal: SIGKILL
    ports: ["80"]
    volumes: ["data:/data"]
    configs: [{ source: word, target: /word }]
    healthcheck: { test: [CMD, test, -e, /data], interval: 100ms }
  stops: { image: bayplan/hello, command: [sh, -c, "trap 'echo bye; exit 9' TERM; while true; do sleep 0.05; done"] }
  ends: { image: bayplan/hello, command: [sh, -c, "until test -e /data/go; do usleep 5000; done; echo ended; exit 4"], volumes: ["data:/data"] }
  again: { image: bayplan/hello, command: [sh, -c, "echo begins; sleep 1000"], stop_signal: SIGKILL, restart: always }
volumes: {data: }
configs: {word: {content: shibboleth}}
`;

function git(...args: readonly string[]): string | null {
  const { status, stdout } = spawnSync('git', ['-C', top, ...args], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}

/** The program of a commit, built once for each: its folder. */
function built(commit: string): string {
  const folder = join(build, 'earlier', commit);
  if (existsSync(folder)) return folder;
  const making = `${folder}.tmp`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  const tree = execFileSync('git', ['-C', top, 'archive', commit, 'native', 'src', 'package.json', 'package-lock.json'], { maxBuffer: 1 << 28 });
  execFileSync('tar', ['-x', '-C', making], { input: tree });
  const lock = (of: string): string => readFileSync(join(of, 'package-lock.json'), 'utf8');
  if (lock(making) === lock(top)) symlinkSync(join(top, 'node_modules'), join(making, 'node_modules'));
  else cpSync(join(top, 'node_modules'), join(making, 'node_modules'), { recursive: true }); // its own setup makes another version's of them
  execFileSync(process.execPath, ['src/setup/setup.mjs', 'build'], { cwd: making, stdio: 'ignore' });
  renameSync(making, folder);
  return folder;
}

for (const ref of EARLIER) {
  const commit = git('rev-parse', '--verify', '--quiet', `${ref}^{commit}`);
  const why = commit === null ? ` (skipped: this clone has no commit ${ref})` : '';
  test.skipIf(commit === null)(`containers of the engine of ${ref} are adopted by this one${why}`, async () => {
    const program = join(built(commit ?? ''), 'build/bayplan.cjs');
    const machine = new Machine();
    const file = join(machine.folder, 'compose.yaml');
    writeFileSync(file, STACK);
    const earlier = (...args: readonly string[]): string => execFileSync(process.execPath, [program, '--root', machine.root, ...args], { encoding: 'utf8', cwd: machine.folder });
    const archive = execFileSync(process.execPath, [join(top, 'test/images/make-images.mjs'), 'hello', '--out', join(build, 'images')], { encoding: 'utf8' }).trim();
    const engine = spawn(process.execPath, [program, '--root', machine.root, 'engine', 'run'], { stdio: 'ignore' });
    try {
      await eventually(() => earlier('engine', 'status'));
      earlier('load', archive);
      earlier('-p', 'demo', '-f', file, 'up', '-d');
    } finally {
      engine.kill('SIGKILL');
      await new Promise((resolve) => engine.once('close', resolve));
    }
    try {
      await machine.open();
      expect(machine.reports).toEqual([]);
      const status = (name: string) => machine.engine.container(`demo-${name}-1`).status;
      for (const name of ['count', 'stops', 'ends', 'again']) {
        expect(status(name)).toMatchObject({ phase: 'running' });
        expect(startTimeOf(status(name)?.pid ?? 0)).not.toBe(null);
      }
      const pid = status('count')?.pid;
      expect(await machine.exec('demo-count-1', 'cat', '/word')).toEqual({ code: 0, output: 'shibboleth' });
      expect((await machine.exec('demo-count-1', 'nslookup', '-type=a', 'stops', '127.0.0.11')).code).toBe(0);
      await eventually(() => expect(status('count')?.health).toBe('healthy'));
      expect((await fetch(`http://127.0.0.1:${status('count')?.ports[0]?.published}/hostname`)).status).toBe(200);
      const lines = await countedOutput(machine, 'demo-count-1');
      await eventually(async () => expect(await countedOutput(machine, 'demo-count-1')).toBeGreaterThan(lines));
      await machine.exec('demo-count-1', 'touch', '/data/go');
      await eventually(() => expect(status('ends')).toMatchObject({ phase: 'exited', exitCode: 4 }));
      expect(await machine.output('demo-ends-1')).toBe('ended\n');
      await machine.engine.stopContainer('demo-stops-1', null, 10_000);
      expect(status('stops')).toMatchObject({ phase: 'exited', exitCode: 9, held: true });
      expect(await machine.output('demo-stops-1')).toBe('bye\n');
      await machine.engine.pauseContainer('demo-count-1', true);
      await machine.engine.pauseContainer('demo-count-1', false);
      process.kill(status('again')?.pid ?? 0, 'SIGKILL');
      await eventually(() => expect(status('again')).toMatchObject({ phase: 'running', restarts: 1 })); // by this engine's own shim
      expect(status('count')?.pid).toBe(pid);
      expect(machine.engine.stacks().map(({ name, revision }) => ({ name, revision }))).toEqual([{ name: 'demo', revision: 1 }]);
      expect(await machine.down({ volumes: true })).toMatchObject({ ok: true });
      expect(machine.reports).toEqual([]);
    } finally {
      await machine.dispose();
    }
  });
}
