import { release } from 'node:os';
import type { ContainerSpec } from '../../state/container.ts';
import type { Paths } from '../../state/paths.ts';
import { capabilitiesOf } from './capabilities.ts';
import { compiledSeccomp } from './core-process.ts';
import { seccompProfile } from './seccomp.ts';
import { customProfile } from './seccomp-profile.ts';

/** Compiled seccomp programs. The default profile depends on what a container may do, so there is one for each set of capabilities, and more for profiles of their own. */
export class SeccompPrograms {
  readonly #paths: Paths;
  readonly #core: string;
  readonly #programs = new Map<string, Promise<string>>();

  constructor(paths: Paths, core: string) {
    this.#paths = paths;
    this.#core = core;
  }

  /** File of the program for such a container; null: none. */
  async get(spec: ContainerSpec): Promise<string | null> {
    const { security: { seccomp }, privileged } = spec;
    if (seccomp === 'unconfined' || (privileged && seccomp === '')) return null;
    const capabilities = capabilitiesOf(spec);
    const key = `${capabilities.join()} ${seccomp}`;
    let program = this.#programs.get(key);
    if (program === undefined) {
      const profile = seccomp === '' ? seccompProfile(capabilities) : customProfile(seccomp, capabilities, release());
      program = compiledSeccomp(this.#paths, this.#core, profile);
      program.catch(() => this.#programs.delete(key)); // told to those who wait for it; the next one tries again
      this.#programs.set(key, program);
    }
    return await program;
  }
}
