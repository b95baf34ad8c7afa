import * as z from 'zod';
import { BayplanError } from './bayplan-error.ts';
import { SYSLOG_OPTIONS, syslogTag, syslogTarget, type SyslogTarget } from './syslog.ts';

/** Where a container's output is kept. `driver` '': the engine's default, `json-file`. */
export const Logging = z.strictObject({ driver: z.string(), options: z.record(z.string(), z.string()) });
export type Logging = z.infer<typeof Logging>;

export const DEFAULT_LOGGING: Logging = { driver: '', options: {} };

/** What the runtime keeps: `files` of at most `max` bytes each; none: nothing at all. */
export interface LogRetention { readonly max: number; readonly files: number }

const MIB = 1024 * 1024;

/** Docker's drivers that keep the output here, with what they keep where no option says; null: the engine's default. */
const KEPT: Readonly<Record<string, LogRetention | null>> = { '': null, 'json-file': null, local: { max: 20 * MIB, files: 5 }, syslog: null };

/** Options that change nothing of what is kept: the format here is the engine's own. */
const INDIFFERENT = new Set(['compress', 'labels', 'labels-regex', 'env', 'env-regex', 'tag', 'mode', 'max-buffer-size']);

/** What is to be kept of a container's output, by its driver and `max-size` and `max-file`; null: nothing. `fallback`: the engine's default. */
export function retentionOf({ driver, options }: Logging, fallback: LogRetention): LogRetention | null {
  if (driver === 'none') return null;
  const base = KEPT[driver] ?? fallback;
  const size = sizeOf(options['max-size'] ?? '');
  return { max: size === null ? base.max : Math.max(size, 0), files: Number(options['max-file'] ?? base.files) };
}

/** What is wrong with it; null: nothing. */
export function loggingProblem({ driver, options }: Logging): string | null {
  if (driver !== 'none' && !Object.hasOwn(KEPT, driver)) return `logging driver "${driver}" is not built yet; "json-file", "local", "syslog" and "none" are`;
  const { 'max-size': size, 'max-file': files } = options;
  if (size !== undefined && size !== '-1' && (sizeOf(size) ?? 0) <= 0) return `logging option max-size "${size}": expected a size such as 10m`;
  if (files !== undefined && !/^[1-9]\d{0,3}$/.test(files)) return `logging option max-file "${files}": expected a number of files, 1 or more`;
  if (options['mode'] !== undefined && !['blocking', 'non-blocking'].includes(options['mode'])) return `logging option mode "${options['mode']}": expected "blocking" or "non-blocking"`;
  const { compress } = options;
  if (compress !== undefined && compress !== '' && !/^(1|0|t|f|true|false)$/i.test(compress)) return `logging option compress "${compress}": expected true or false`;
  const buffer = options['max-buffer-size'];
  if (buffer !== undefined && (sizeOf(buffer) ?? 0) <= 0) return `logging option max-buffer-size "${buffer}": expected a size such as 1m`;
  for (const name of ['labels-regex', 'env-regex']) if (!isPattern(options[name] ?? '')) return `logging option ${name} "${options[name] ?? ''}": it is no regular expression`;
  const unknown = Object.keys(options).find((name) => (driver === 'syslog' ? !SYSLOG_OPTIONS.includes(name) : name !== 'max-size' && name !== 'max-file' && !INDIFFERENT.has(name)));
  if (unknown === undefined) return syslogProblem({ driver, options });
  return `logging option "${unknown}" means nothing to driver "${driver === '' ? 'json-file' : driver}"`;
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false; // that is the answer
  }
}

/** Where the output goes beside the log that is kept here; null: nowhere. */
export function syslogOf({ driver, options }: Logging): SyslogTarget | null {
  return driver === 'syslog' ? syslogTarget(options, sizeOf(options['max-buffer-size'] ?? '') ?? MIB) : null;
}

function syslogProblem(logging: Logging): string | null {
  try {
    syslogTag(syslogOf(logging)?.tag ?? '', { id: '', name: '', image: '', imageId: '' });
    return null;
  } catch (error) {
    if (error instanceof BayplanError) return error.message;
    throw error;
  }
}

/** Bytes, as Docker writes sizes; -1: without limit, which is 0 to the runtime. */
function sizeOf(text: string): number | null {
  if (text === '-1') return 0;
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)i?b?$/i.exec(text.trim()) ?? [];
  return number === undefined ? null : Math.round(Number(number) * 1024 ** 'bkmgt'.indexOf(unit.toLowerCase() || 'b'));
}
