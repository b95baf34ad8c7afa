import { BayplanError } from '../../state/bayplan-error.ts';
import type { ContainerSpec } from '../../state/container.ts';

/** Linux's capabilities (capability.h, Linux 5.9 and later), without `CAP_`. */
const KNOWN = `
  AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER
  KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID
  SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG SYSLOG WAKE_ALARM
`.trim().split(/\s+/).map((name) => `CAP_${name}`);

/** What a container has unless its spec says otherwise: the 14 of Docker. */
const DEFAULT = `AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_CHROOT`
  .split(' ').map((name) => `CAP_${name}`);

/**
 * The capabilities of a container, sorted, as `CAP_NAME`: Docker's default ones, changed by `capAdd` and `capDrop` as Docker does: names in any
 * case, with or without `CAP_`; `ALL` in one list is everything, less what the other list names. Throws BayplanError `bad-request`
 * for a name that Linux does not have.
 */
export function capabilitiesOf(spec: Pick<ContainerSpec, 'capAdd' | 'capDrop' | 'privileged'>): readonly string[] {
  if (spec.privileged) return KNOWN.toSorted();
  const add = spec.capAdd.map((name) => canonical('cap_add', name));
  const drop = spec.capDrop.map((name) => canonical('cap_drop', name));
  const everything = add.includes('ALL');
  const nothing = drop.includes('ALL');
  const dropped = new Set(drop);
  const base = everything ? KNOWN : nothing ? [] : DEFAULT;
  // Without ALL, what is added wins over what is dropped; with `cap_add: ALL` the dropped ones are the exceptions.
  const kept = base.filter((name) => !dropped.has(name));
  return [...new Set([...kept, ...(everything ? [] : add)])].sort();
}

function canonical(key: string, name: string): string {
  const upper = name.toUpperCase();
  if (upper === 'ALL') return 'ALL';
  const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (KNOWN.includes(full)) return full;
  const near = nearest(full);
  throw new BayplanError('bad-request', `${key}: unknown capability "${name}"${near === null ? '' : `, did you mean ${near.slice(4)}?`}`);
}

/** The known name with the fewest differing letters in place, if they are few. */
function nearest(name: string): string | null {
  let best: string | null = null;
  let least = 4;
  for (const known of KNOWN) {
    const distance = editDistance(name, known);
    if (distance < least) [best, least] = [known, distance];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
