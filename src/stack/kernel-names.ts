import { constants } from 'node:os';
import { suggest } from './nearest.ts';
import type { Shape } from './shape.ts';
import { describe, textOf } from './tree.ts';

const capabilities = [
  'ALL', 'AUDIT_CONTROL', 'AUDIT_READ', 'AUDIT_WRITE', 'BLOCK_SUSPEND', 'BPF', 'CHECKPOINT_RESTORE', 'CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'IPC_LOCK',
  'IPC_OWNER', 'KILL', 'LEASE', 'LINUX_IMMUTABLE', 'MAC_ADMIN', 'MAC_OVERRIDE', 'MKNOD', 'NET_ADMIN', 'NET_BIND_SERVICE', 'NET_BROADCAST', 'NET_RAW', 'PERFMON', 'SETFCAP', 'SETGID',
  'SETPCAP', 'SETUID', 'SYS_ADMIN', 'SYS_BOOT', 'SYS_CHROOT', 'SYS_MODULE', 'SYS_NICE', 'SYS_PACCT', 'SYS_PTRACE', 'SYS_RAWIO', 'SYS_RESOURCE', 'SYS_TIME', 'SYS_TTY_CONFIG', 'SYSLOG', 'WAKE_ALARM',
];

const signals = Object.keys(constants.signals);

/** A capability with or without `CAP_`, or `ALL` (capabilities(7)); kept as written. */
export const capability = nameOf('a capability such as NET_ADMIN', (name) => name.toUpperCase().replace(/^CAP_/, ''), (name) => capabilities.includes(name), capabilities);

/** A signal by name, with or without `SIG`, or by number (signal(7)); kept as written. */
export const signal = nameOf('a signal such as SIGTERM', (name) => /^\d|^SIG/i.test(name) ? name.toUpperCase() : `SIG${name.toUpperCase()}`, isSignal, signals, 'SIG');

function isSignal(name: string): boolean {
  if (/^\d+$/.test(name)) return Number(name) >= 1 && Number(name) <= 64;
  return signals.includes(name) || /^SIGRTM(IN(\+\d{1,2})?|AX(-\d{1,2})?)$/.test(name);
}

function nameOf(expected: string, plain: (name: string) => string, isKnown: (name: string) => boolean, known: readonly string[], prefix = ''): Shape<string> {
  return {
    expected,
    read: (tree, reading, where) => {
      const name = tree.kind === 'leaf' && tree.value !== null ? textOf(tree) : '';
      // An empty name, as from a variable that is not set, asks for nothing.
      if (isKnown(plain(name)) || (name === '' && tree.kind === 'leaf' && tree.value === '')) return name;
      reading.mistakes.add(tree.at, `${where}: expected ${expected}, got ${describe(tree)}${suggest(plain(name), known, prefix)}`);
      return undefined;
    },
  };
}
