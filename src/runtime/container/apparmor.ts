import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { ContainerSpec } from '../../state/container.ts';
import { runBounded } from '../bounded-process.ts';

export const DEFAULT_PROFILE = 'bayplan-default';

/** What a container may do by default where the kernel has AppArmor: as Docker's docker-default, in a name of ours. What it denies is denied to all capabilities. */
const PROFILE = `profile ${DEFAULT_PROFILE} flags=(attach_disconnected,mediate_deleted) {
  network,
  capability,
  file,
  umount,
  unix,
  signal (receive) peer=unconfined,
  signal (send, receive) peer=${DEFAULT_PROFILE},
  ptrace (trace, read, tracedby, readby) peer=${DEFAULT_PROFILE},
  deny mount,
  deny /proc/* w,
  deny /proc/{[^1-9],[^1-9][^0-9],[^1-9s][^0-9y][^0-9s],[^1-9][^0-9][^0-9][^0-9/]*}/** w,
  deny /proc/sys/[^k]** w,
  deny /proc/sys/kernel/{?,??,[^s][^h][^m]**} w,
  deny /proc/sysrq-trigger rwklx,
  deny /proc/kcore rwklx,
  deny /sys/[^f]*/** wklx,
  deny /sys/f[^s]*/** wklx,
  deny /sys/fs/[^c]*/** wklx,
  deny /sys/fs/c[^g]*/** wklx,
  deny /sys/fs/cg[^r]*/** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,
}
`;
const PARSERS = ['/sbin/apparmor_parser', '/usr/sbin/apparmor_parser'];

const GIVE_UP_MS = 15_000;

/** The default AppArmor profile, loaded when a container needs it and the kernel does not have it: others may take it out (aa-teardown, a restart of apparmor.service). */
export class DefaultProfile {
  /** Its first time: what the kernel has by that name may be another version's. */
  #anew = true;
  /** By whoever came first; the others wait for it. */
  #loading: Promise<string> | null = null;
  /** Whether this kernel has AppArmor: it is so from boot to boot. */
  #enabled: boolean | null = null;

  /** Its name, for a container that names none itself; empty where it names one, this kernel has no AppArmor, or nothing here can load a profile. Throws BayplanError where loading fails. */
  async get({ privileged, security }: ContainerSpec): Promise<string> {
    if (privileged || security.apparmor !== '') return '';
    this.#loading ??= this.#load().finally(() => { this.#loading = null; });
    return await this.#loading;
  }

  /** What confines a container of this spec, as inspect says it, where `byDefault` is what `get` answered: a profile, "unconfined", or undefined where this kernel has no AppArmor. */
  confining({ privileged, security }: ContainerSpec, byDefault: string): string | undefined {
    this.#enabled ??= isAppArmorEnabled();
    if (!this.#enabled) return undefined;
    const profile = privileged ? '' : security.apparmor === '' ? byDefault : security.apparmor;
    return profile === '' ? 'unconfined' : profile;
  }

  async #load(): Promise<string> {
    this.#enabled ??= isAppArmorEnabled();
    if (!this.#enabled) return '';
    const parser = PARSERS.find((path) => existsSync(path));
    if (parser === undefined || !takesProfiles()) return '';
    if (this.#anew || !isLoaded()) await load(parser);
    this.#anew = false;
    return DEFAULT_PROFILE;
  }
}

async function load(parser: string): Promise<void> {
  const ended = await runBounded(parser, ['--replace', '--skip-cache'], GIVE_UP_MS, PROFILE);
  const said = ended === null ? `apparmor_parser did not end within ${GIVE_UP_MS / 1000} s` : ended.stderr.slice(-400);
  if (ended?.code !== 0) throw new BayplanError('apparmor', `the AppArmor profile ${DEFAULT_PROFILE} cannot be loaded (${said.trim().split('\n').join('; ')}); security_opt: ["apparmor=unconfined"] does without it`);
}

function isLoaded(): boolean {
  return readFileSync('/sys/kernel/security/apparmor/profiles', 'utf8').split('\n').includes(`${DEFAULT_PROFILE} (enforce)`);
}

function takesProfiles(): boolean {
  try {
    accessSync('/sys/kernel/security/apparmor/.replace', constants.W_OK);
    return true;
  } catch {
    return false; // no such file: none can be loaded from here
  }
}

/** Whether this kernel has AppArmor. */
export function isAppArmorEnabled(): boolean {
  try {
    return readFileSync('/sys/module/apparmor/parameters/enabled', 'utf8').startsWith('Y');
  } catch {
    return false; // no such file: no AppArmor here
  }
}
