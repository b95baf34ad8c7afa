import { constants } from 'node:os';
import { knownSignal } from '../state/signals.ts';
import { suggest } from './nearest.ts';

const capabilities = [
  'ALL', 'AUDIT_CONTROL', 'AUDIT_READ', 'AUDIT_WRITE', 'BLOCK_SUSPEND', 'BPF', 'CHECKPOINT_RESTORE', 'CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'IPC_LOCK',
  'IPC_OWNER', 'KILL', 'LEASE', 'LINUX_IMMUTABLE', 'MAC_ADMIN', 'MAC_OVERRIDE', 'MKNOD', 'NET_ADMIN', 'NET_BIND_SERVICE', 'NET_BROADCAST', 'NET_RAW', 'PERFMON', 'SETFCAP', 'SETGID',
  'SETPCAP', 'SETUID', 'SYS_ADMIN', 'SYS_BOOT', 'SYS_CHROOT', 'SYS_MODULE', 'SYS_NICE', 'SYS_PACCT', 'SYS_PTRACE', 'SYS_RAWIO', 'SYS_RESOURCE', 'SYS_TIME', 'SYS_TTY_CONFIG', 'SYSLOG', 'WAKE_ALARM',
];

const signals = Object.keys(constants.signals);

/** What is wrong with a capability, written with or without `CAP_`, or `ALL` (capabilities(7)); null: nothing. */
export function capabilityProblem(name: string): string | null {
  const plain = name.toUpperCase().replace(/^CAP_/, '');
  return capabilities.includes(plain) || name === '' ? null : `expected a capability such as NET_ADMIN, got ${JSON.stringify(name)}${suggest(plain, capabilities)}`;
}

/** What is wrong with a signal, by name, with or without `SIG`, or by number (signal(7)); null: nothing. */
export function signalProblem(name: string): string | null {
  const plain = /^\d|^SIG/i.test(name) ? name.toUpperCase() : `SIG${name.toUpperCase()}`;
  // An empty name, as from a variable that is not set, asks for nothing.
  return knownSignal(plain) !== null || name === '' ? null : `expected a signal such as SIGTERM, got ${JSON.stringify(name)}${suggest(plain, signals, 'SIG')}`;
}
