import { type Act, oneShotProblems } from './one-shot-runs.ts';
import type { Command, Fact, Found, Task, Verb } from './power-cut-scenario.ts';

/** What there is to be of the stack: nothing, or a revision, of which a person may hold `app`. */
interface Stand { readonly revision: number; readonly held: boolean }
const NOTHING: Stand = { revision: 0, held: false };

/** Boots a machine that has its disk from before, which does a task; answers what it tells until its power is cut. */
export type Boot = (task: Task, what: string) => Promise<readonly Fact[]>;

/** A machine of which nothing but its disk outlives a power cut, and what is to be there then. The same seed gives the same commands. */
export class PowerCutMachine {
  readonly #boot: Boot;
  readonly #random: () => number;
  /** How long each verb takes, as it was last seen. */
  readonly #ms: Map<Verb, number>;
  readonly #problems: string[] = [];
  #stand = NOTHING;
  /** What was cut off. */
  #under: Command | null = null;
  #upTo = 0;
  /** What the volume holds for sure, in lines. */
  #mark = 0;
  /** The engine's number of the stack's revision. */
  #revision = 0;
  #cut: Extract<Fact, { type: 'cut' }> | null = null;
  /** What lets the one-shot service run, by boot. */
  readonly #acts: Act[][] = [];

  /** `typicalMs`: how long an `up` takes. */
  constructor(seed: number, typicalMs: number, boot: Boot) {
    this.#random = randomsOf(seed);
    this.#ms = new Map([['up', typicalMs], ['down', typicalMs / 2], ['hold', typicalMs / 3], ['release', typicalMs / 3]]);
    this.#boot = boot;
  }

  /** Cuts the power so many times. Answers what was not as it should be, a line each. */
  async run(cuts: number): Promise<readonly string[]> {
    for (let i = 0; i <= cuts; i++) {
      this.#acts.push([]);
      const task = i === 0 ? this.#task([{ verb: 'load', revision: 0 }, this.#up()], 'end') : i < cuts ? this.#chosen() : { ...this.#task([{ verb: 'remove', revision: 0 }], 'end'), cuts: false };
      const what = `boot ${i}, ${task.commands.map(({ verb, revision }) => `${verb}${revision === 0 ? '' : ` ${revision}`}`).join(', ')} ${typeof task.cutAt === 'number' ? `for ${task.cutAt} ms` : `until ${task.cutAt}`}`;
      const problems: string[] = [];
      for (const fact of await this.#boot(task, what)) this.#see(fact, (problem) => problems.push(problem));
      this.#problems.push(...problems.map((problem) => `${what}: ${problem}`));
    }
    return this.#problems;
  }

  #up(): Command {
    return { verb: 'up', revision: ++this.#upTo };
  }

  /** What was cut off may have been accepted, or not. */
  #stands(): readonly Stand[] {
    return this.#under === null ? [this.#stand] : [this.#stand, after(this.#stand, this.#under)];
  }

  #task(commands: readonly Command[], cutAt: Task['cutAt']): Task {
    return { boot: this.#acts.length - 1, commands, cutAt, cuts: true, expected: this.#stands().map(textOf) };
  }

  #chosen(): Task {
    const there = this.#stands().every(({ revision }) => revision > 0);
    const first = this.#random() < 0.3 ? [this.#command(there)] : [];
    const last = this.#command(first[0] === undefined ? there : first[0].verb !== 'down');
    const ms = Math.round(this.#random() * 1.1 * (this.#ms.get(last.verb) ?? 0));
    const how = this.#random();
    const meets = last.verb === 'up' || last.verb === 'release';
    return this.#task([...first, last], how < 0.25 ? 'end' : how < 0.4 && meets ? 'migrated' : how < 0.55 && last.verb === 'up' ? 'app starts' : ms);
  }

  #command(there: boolean): Command {
    const at = this.#random();
    if (!there || at < 0.55) return this.#up();
    return { verb: at < 0.8 ? 'down' : at < 0.92 ? 'hold' : 'release', revision: 0 };
  }

  #see(fact: Fact, tell: (problem: string) => void): void {
    switch (fact.type) {
      case 'found': return this.#found(fact, tell);
      case 'begin':
        this.#under = fact.command;
        if (fact.command.verb === 'up' || fact.command.verb === 'release') this.#acts.at(-1)?.push({ verb: fact.command.verb, revision: fact.command.revision || this.#stand.revision, told: false });
        return;
      case 'end':
        if (fact.ended.code !== 0) tell(`${fact.command.verb} ended with ${fact.ended.code}: ${fact.ended.output}`);
        this.#ms.set(fact.command.verb, fact.ended.ms);
        this.#stand = after(this.#stand, fact.command);
        this.#under = null;
        this.#acts[this.#acts.length - 1] = this.#acts.at(-1)?.map((act) => ({ ...act, told: true })) ?? [];
        if (this.#stand.revision === 0) this.#revision = 0; // its numbers begin anew
        if (fact.command.verb === 'remove') this.#mark = 0;
        return;
      case 'cut':
        this.#cut = fact;
        this.#mark = Math.max(this.#mark, fact.mark);
    }
  }

  #found(found: Found, tell: (problem: string) => void): void {
    const stand = this.#stands().find((one) => textOf(one) === found.text);
    if (stand === undefined) throw new Error(`${[...this.#problems, `the stack is "${found.text}", not ${this.#stands().map((one) => `"${textOf(one)}"`).join(' or ')}`].join('\n')}\n${found.engineLog}`);
    this.#stand = stand;
    this.#under = null;
    if (found.engineLog !== '') tell(`the engine's log: ${found.engineLog}`);
    if (!stand.held && found.plan.some((step) => step !== 'start-container cuts-failed-1')) tell(`plan: ${found.plan.join(', ')}`);
    this.#seeRevision(found, tell);
    this.#seeVolume(found, tell);
    seeGates(found, tell);
    for (const { boot, text } of oneShotProblems(found.events, this.#acts)) if (boot === this.#acts.length - 1) tell(text); // of former ones it was told then
    this.#seeEnds(found, tell);
    seeFiles(found, tell);
    this.#cut = null;
  }

  #seeRevision({ look: { revision }, history }: Found, tell: (problem: string) => void): void {
    if (revision !== null && revision < this.#revision) tell(`the stack is at revision ${revision}, ${this.#revision} was acknowledged`);
    this.#revision = revision ?? 0;
    const wanted = Array.from({ length: Math.min(11, revision ?? 0) }, (_, i) => (revision ?? 0) - i);
    if (history.some((one, i) => one !== wanted[i])) tell(`history has ${history.join(', ')} at revision ${revision}`);
  }

  #seeVolume({ log }: Found, tell: (problem: string) => void): void {
    const odd = log.findIndex((line, i) => line !== String(i + 1));
    if (odd >= 0) tell(`the volume has ${JSON.stringify(log[odd])} in line ${odd + 1} of ${log.length}`);
    if (log.length < this.#mark) tell(`the volume has ${log.length} lines, ${this.#mark} were on the disk`);
  }

  /** Who had ended a while before the cut is known to have. */
  #seeEnds({ look }: Found, tell: (problem: string) => void): void {
    for (const [name, { phase, finishedAt, revision }] of Object.entries(this.#cut?.look?.containers ?? {})) {
      const now = look.containers[name];
      if (phase !== 'exited' || finishedAt >= (this.#cut?.now ?? 0) - KNOWN_MS || now?.revision !== revision || now.phase === 'running') continue;
      if (now.finishedAt !== finishedAt) tell(`${name} had ended at ${finishedAt}, which is not known any more (${now.phase}, ${now.finishedAt})`);
    }
  }
}

const KNOWN_MS = 1000;

function textOf({ revision: r, held }: Stand): string {
  return r === 0 ? '' : `cuts-app-1 ${r} ${held ? 'exited 137 held' : 'running'}, cuts-db-1 ${r} running, cuts-failed-1 ${r} exited 3, cuts-migrate-1 ${r} exited 0, cuts-writer-1 ${r} running`;
}

function after(stand: Stand, { verb, revision }: Command): Stand {
  switch (verb) {
    case 'load': return stand;
    case 'up': return { revision, held: false };
    case 'down': case 'remove': return NOTHING;
    case 'hold': return { ...stand, held: true };
    case 'release': return { ...stand, held: false };
  }
}

/** `migrate` and `app` start when the database of this boot is ready, and `app` with the config of its revision. */
function seeGates({ events }: Found, tell: (problem: string) => void): void {
  let db = '';
  for (const event of events) {
    const [what = '', revision, boot, config] = event.split(' ');
    if (what.startsWith('db-')) db = `${what} ${boot}`;
    else if (db !== `db-ready ${boot}` || (what === 'app-starts' && config !== revision)) tell(`"${event}" came after "${db}"`);
  }
}

function seeFiles({ files, look: { revision, containers } }: Found, tell: (problem: string) => void): void {
  const odd = files.filter((name) => /\.(tmp|new|damaged)\/?$|\/\./.test(name));
  if (odd.length > 0) tell(`left half-made: ${odd.join(' ')}`);
  const below = (folder: string): readonly string[] => files.flatMap((name) => new RegExp(`^${folder}/([^/]+)/?$`).exec(name)?.[1] ?? []);
  const folders = below('containers');
  if (folders.length !== Object.keys(containers).length) tell(`${folders.length} folders of ${Object.keys(containers).length} containers`);
  for (const folder of folders) if (!files.includes(`containers/${folder}/container.json`)) tell(`containers/${folder} has no record`);
  if (below('layers').length > 1) tell(`layers: ${below('layers').join(' ')}`);
  if (below('stacks').length !== (revision === null ? 0 : 1)) tell(`stacks: ${below('stacks').join(' ')}`);
  if (below('contents').length > (revision === null ? 1 : 13)) tell(`contents: ${below('contents').join(' ')}`);
}

/** As mulberry32: the same numbers in [0, 1) for a seed. */
function randomsOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
