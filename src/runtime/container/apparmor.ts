import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { ContainerSpec } from '../../state/container.ts';

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

/** The default AppArmor profile, loaded when the first container needs it. */
export class DefaultProfile {
  #loaded: Promise<string> | null = null;

  /** Its name, for a container that names none itself; empty where it names one, this kernel has no AppArmor, or nothing here can load a profile. Throws BayplanError where loading fails. */
  async get({ privileged, security }: ContainerSpec): Promise<string> {
    if (privileged || security.apparmor !== '') return '';
    this.#loaded ??= load();
    this.#loaded.catch(() => { this.#loaded = null; }); // told to those who wait for it; the next one tries again
    return await this.#loaded;
  }
}

async function load(): Promise<string> {
  const parser = PARSERS.find((path) => existsSync(path));
  if (parser === undefined || !takesProfiles()) return '';
  const child = spawn(parser, ['--replace', '--skip-cache'], { stdio: ['pipe', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (data: Buffer) => { said = (said + data.toString()).slice(-400); });
  child.stdin.on('error', () => undefined); // it has ended before it read all: its exit code tells
  child.stdin.end(PROFILE);
  const code = await new Promise((resolve, reject) => { child.once('error', reject); child.once('close', resolve); });
  if (code !== 0) throw new BayplanError('apparmor', `the AppArmor profile ${DEFAULT_PROFILE} cannot be loaded (${said.trim().split('\n').join('; ')}); security_opt: ["apparmor=unconfined"] does without it`);
  return DEFAULT_PROFILE;
}

function takesProfiles(): boolean {
  try {
    accessSync('/sys/kernel/security/apparmor/.replace', constants.W_OK);
    return readFileSync('/sys/module/apparmor/parameters/enabled', 'utf8').startsWith('Y');
  } catch {
    return false; // no such file: no AppArmor here
  }
}
