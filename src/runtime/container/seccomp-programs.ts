import type { ContainerSpec } from '../../state/container.ts';
import type { Paths } from '../../state/paths.ts';
import { capabilitiesOf } from './capabilities.ts';
import { compiledSeccomp } from './core-process.ts';
import { seccompProfile } from './seccomp.ts';

/** Compiled seccomp programs. The default profile depends on what a container may do, so there is one for each set of capabilities. */
export class SeccompPrograms {
  readonly #paths: Paths;
  readonly #core: string;
  readonly #programs = new Map<string, Promise<string>>();

  constructor(paths: Paths, core: string) {
    this.#paths = paths;
    this.#core = core;
  }

  /** File of the program for such a container. */
  get(spec: ContainerSpec): Promise<string> {
    const capabilities = capabilitiesOf(spec);
    const key = capabilities.join();
    let program = this.#programs.get(key);
    if (program === undefined) {
      program = compiledSeccomp(this.#paths, this.#core, seccompProfile(capabilities));
      program.catch(() => this.#programs.delete(key)); // told to those who wait for it; the next one tries again
      this.#programs.set(key, program);
    }
    return program;
  }
}
