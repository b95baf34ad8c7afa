import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { pathsOf } from '../../src/state/paths.ts';
import { eventually, top } from '../root/harness.ts';
import { PowerCutMachine } from '../root/power-cut-machine.ts';
import type { Fact, Place } from '../root/power-cut-scenario.ts';
import { bundled } from '../vm/in-guest.ts';

/** `CUTS=500 SEED=7` for others than these. */
const CUTS = Number(process.env['CUTS'] ?? 60);
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e6));

/** A disk in memory with a file system of its own, which is made to end as by a power cut; and what else such a one ends. */
class Disk {
  readonly folder = mkdtempSync(join(tmpdir(), 'bayplan-power-'));
  readonly mount = join(this.folder, 'mount');
  readonly root = join(this.mount, 'root');
  readonly #paths = pathsOf(this.root);
  readonly #memory = join(this.folder, 'memory');
  #boots = 0;

  constructor() {
    for (const folder of [this.#memory, this.root]) mkdirSync(folder, { recursive: true }); // without a root folder, as while nothing is mounted, other engines would clear its run folder away
    execFileSync('mount', ['-t', 'tmpfs', 'power', this.#memory]);
    writeFileSync(this.#file(), '');
    truncateSync(this.#file(), 512 * 1024 * 1024);
    execFileSync('mkfs.ext4', ['-q', '-F', this.#file()]);
    execFileSync('mount', ['-o', 'loop', this.#file(), this.mount]);
  }

  #file(): string {
    return join(this.#memory, `disk${this.#boots}`);
  }

  place(): Place {
    return { root: this.root, marks: join(this.#memory, 'marks'), disk: this.mount };
  }

  /** The machine boots anew, with what is on the disk by now: all that ran is gone, and what was mounted. Namespaces may keep the former disk for a while: what is used from now on is a copy of it. */
  async restart(): Promise<void> {
    await this.#end();
    const before = this.#file();
    this.#boots++;
    execFileSync('cp', ['--sparse=always', before, this.#file()]);
    rmSync(before);
    execFileSync('mount', ['-o', 'loop', this.#file(), this.mount]);
    for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n').reverse()) {
      const at = line.split(' ')[4] ?? '';
      if (at.startsWith(`${this.#paths.run}/`)) execFileSync('umount', ['-l', at]);
    }
    writeFileSync(join(this.#paths.run, 'boot'), 'another');
  }

  async remove(): Promise<void> {
    await this.#end();
    await eventually(() => execFileSync(process.execPath, [join(top, 'test/root/forget-engine.mjs'), JSON.stringify(this.#paths)], { stdio: 'pipe' }));
    execFileSync('umount', ['-l', this.#memory]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #end(): Promise<void> {
    await eventually(() => {
      const left = this.#processes();
      for (const pid of left) if (existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL');
      expect(left).toEqual([]);
    });
    execFileSync('umount', ['-l', this.mount]);
  }

  /** Those that name its folders, which are engine, command line and shims; and those of its containers. */
  #processes(): readonly number[] {
    const named = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid).filter((pid) => {
      const words = textOf(`/proc/${pid}/cmdline`);
      return words.includes(this.root) || words.includes(`${this.#paths.run}/`);
    });
    const groups = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((line) => / - cgroup2? /.test(line)).map((line) => join(line.split(' ')[4] ?? '', this.#paths.cgroup)).filter((group) => existsSync(group));
    const inside = groups.flatMap((group) => readdirSync(group, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? textOf(join(group, entry.name, 'cgroup.procs')).split('\n') : [])));
    return [...new Set([...named, ...inside].map(Number))].filter((pid) => pid > 0);
  }
}

/** '' where it is gone meanwhile. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

it(`${CUTS} power cuts at random moments of up, update and down lose no acknowledged revision and no volume's data, and leave nothing half-made`, async () => {
  const disk = new Disk();
  const scenario = await bundled('../root/power-cut-scenario');
  const machine = new PowerCutMachine(SEED, 600, async (task, what) => {
    const facts = await factsOf(scenario, JSON.stringify(task), JSON.stringify(disk.place()));
    if ((facts.at(-1)?.type === 'cut') !== task.cuts) throw new Error(`${what}: it ended early: ${JSON.stringify(facts).slice(-2000)}`);
    if (task.cuts) await disk.restart();
    return facts;
  });
  const problems = await machine.run(CUTS).catch((error: unknown) => [error instanceof Error ? error.stack ?? error.message : String(error)]);
  await disk.remove();
  expect(problems, `SEED=${SEED}`).toEqual([]);
});

/** What the scenario has told when it has ended or cut the power. */
async function factsOf(scenario: string, ...args: readonly string[]): Promise<readonly Fact[]> {
  const child = spawn(process.execPath, [scenario, ...args], { cwd: top, stdio: ['ignore', 'pipe', 'inherit'] });
  const facts: Fact[] = [];
  for await (const line of createInterface(child.stdout)) {
    const fact = JSON.parse(line) as Fact;
    facts.push(fact);
    if (fact.type === 'cut') break;
  }
  return facts;
}
