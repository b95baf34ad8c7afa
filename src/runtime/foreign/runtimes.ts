import { join } from 'node:path';
import * as z from 'zod';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { Paths } from '../../state/paths.ts';
import { findProgram } from '../storage/find-program.ts';

/** The engine's own runtime. */
export const OWN_RUNTIME = 'bayplan';

/** Runtimes by name, as Docker's `daemon.json` has them: a program's path, or its name on the PATH, and arguments that come before its command. */
export const RuntimeSettings = z.record(z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/, 'expected a name'), z.strictObject({ path: z.string().min(1, 'expected a program'), runtimeArgs: z.array(z.string()).max(16, 'expected at most 16').default([]) }));
export type RuntimeSettings = z.infer<typeof RuntimeSettings>;

/** Those that need no line in the configuration. */
const WELL_KNOWN: RuntimeSettings = { runc: { path: 'runc', runtimeArgs: [] }, crun: { path: 'crun', runtimeArgs: [] } };
/** Docker's other name for its own. */
const ALIASES: Readonly<Record<string, string>> = { 'io.containerd.runc.v2': 'runc' };

/** An OCI runtime that is not ours, as it is called. `root`: where it keeps its records. */
export interface ForeignRuntime { readonly name: string; readonly program: string; readonly args: readonly string[]; readonly root: string }

/** The runtimes that an engine can have its containers run by. */
export class Runtimes {
  readonly #paths: Paths;
  readonly #settings: RuntimeSettings;
  /** The one of containers that name none. */
  readonly default: string;

  /** Throws BayplanError `engine-config` where the default is none that is known. */
  constructor(paths: Paths, settings: RuntimeSettings = {}, standard: string = OWN_RUNTIME) {
    if (settings[OWN_RUNTIME] !== undefined) throw new BayplanError('engine-config', `${paths.config}: runtimes.${OWN_RUNTIME}: that is the engine's own; name yours differently`);
    this.#paths = paths;
    this.#settings = { ...WELL_KNOWN, ...settings };
    this.default = ALIASES[standard] ?? standard;
    if (this.default !== OWN_RUNTIME && this.#settings[this.default] === undefined) throw new BayplanError('engine-config', `${paths.config}: default-runtime: there is no runtime "${standard}"; there are ${this.#names().join(', ')}`);
  }

  /** By name, the program of each that is there. */
  list(): Readonly<Record<string, { readonly path: string; readonly runtimeArgs?: readonly string[] }>> {
    const there = Object.entries(this.#settings).flatMap(([name, { path, runtimeArgs }]) => {
      const program = findProgram(path);
      return program === null ? [] : [[name, { path: program, ...(runtimeArgs.length === 0 ? {} : { runtimeArgs }) }] as const];
    });
    return { [OWN_RUNTIME]: { path: 'bayplan-core' }, ...Object.fromEntries(there) };
  }

  /** The name that a container keeps for the one it asks for, '' standing for the default. */
  nameOf(asked: string): string {
    return asked === '' ? this.default : ALIASES[asked] ?? asked;
  }

  /** Null: the engine's own. Throws BayplanError `bad-request` where there is no such runtime, or its program is missing. */
  find(asked: string): ForeignRuntime | null {
    const name = this.nameOf(asked);
    if (name === OWN_RUNTIME) return null;
    const settings = this.#settings[name];
    if (settings === undefined) throw new BayplanError('bad-request', `runtime "${name}" is not known here: there are ${this.#names().join(', ')}; others are named by "runtimes" in ${this.#paths.config}`);
    const program = findProgram(settings.path);
    if (program === null) throw new BayplanError('bad-request', `runtime ${name}: there is no program ${settings.path}: install it, or name its path by "runtimes" in ${this.#paths.config}`);
    return { name, program, args: settings.runtimeArgs, root: this.rootOf(name) };
  }

  rootOf(name: string): string {
    return join(this.#paths.run, 'runtimes', name);
  }

  #names(): readonly string[] {
    return [OWN_RUNTIME, ...Object.keys(this.#settings)];
  }
}
