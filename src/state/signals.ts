import { constants } from 'node:os';
import { BayplanError } from './bayplan-error.ts';

/** Number of a signal given as `SIGTERM`, `TERM`, `term` or `15`. Throws BayplanError `bad-request`. */
export function signalNumber(signal: string): number {
  const number = knownSignal(signal);
  if (number === null) throw new BayplanError('bad-request', `invalid signal: ${signal}: give a name such as SIGTERM, or a number from 1 to 64`);
  return number;
}

/** The same; null where there is no such signal. */
export function knownSignal(signal: string): number | null {
  if (/^\d+$/.test(signal)) {
    const number = Number(signal);
    if (number >= 1 && number <= 64) return number;
  }
  const name = signal.toUpperCase();
  const known: Readonly<Record<string, number>> = constants.signals;
  return known[name.startsWith('SIG') ? name : `SIG${name}`] ?? realtime(name) ?? null;
}

/** SIGRTMIN+3 and SIGRTMAX-1, which images of systemd and others use (glibc: 34 to 64). */
function realtime(name: string): number | undefined {
  const match = /^(?:SIG)?RT(?:(MIN)(?:\+(\d+))?|(MAX)(?:-(\d+))?)$/.exec(name);
  if (match === null) return undefined;
  const number = match[1] !== undefined ? 34 + Number(match[2] ?? 0) : 64 - Number(match[4] ?? 0);
  return number >= 34 && number <= 64 ? number : undefined;
}
