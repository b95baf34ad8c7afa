import { resolve } from 'node:path/posix';
import { BayplanError } from '../../state/bayplan-error.ts';
import { parseDuration } from '../../state/duration.ts';
import type { ContainerSpec, Healthcheck } from '../../state/container.ts';
import type { ConfigFile } from './config.ts';
import { exposedPorts } from '../../state/exposed-ports.ts';

/** The part of an image's configuration that says how containers of it run, in the words of the OCI image specification and Docker's. */
export type RunConfig = NonNullable<ConfigFile['config']>;

/** How an image runs that is made from a container: as its own image does, with what the container was told beside that. */
export function committedConfig(base: RunConfig, spec: ContainerSpec): RunConfig {
  return {
    ...base,
    Env: withVariables(base.Env ?? [], Object.entries(spec.environment)),
    ...(spec.exposed.length === 0 && spec.ports.length === 0 ? {} : { ExposedPorts: { ...base.ExposedPorts, ...Object.fromEntries([...spec.exposed, ...spec.ports.map(({ target, protocol }) => `${target}/${protocol}`)].map((port) => [port, {}])) } }),
    ...(spec.entrypoint === null ? {} : { Entrypoint: spec.entrypoint, Cmd: spec.command }),
    ...(spec.command === null ? {} : { Cmd: spec.command }),
    ...(spec.user === '' ? {} : { User: spec.user }),
    ...(spec.workingDir === '' ? {} : { WorkingDir: spec.workingDir }),
    ...(spec.stopSignal === null ? {} : { StopSignal: spec.stopSignal }),
    ...(spec.healthcheck === null ? {} : { Healthcheck: healthcheckOf(spec.healthcheck) }),
    Labels: { ...base.Labels, ...spec.labels },
  };
}

function healthcheckOf({ test, intervalMs, timeoutMs, startPeriodMs, startIntervalMs, retries }: Healthcheck): NonNullable<RunConfig['Healthcheck']> {
  return { Test: [...test], Interval: intervalMs * 1e6, Timeout: timeoutMs * 1e6, StartPeriod: startPeriodMs * 1e6, StartInterval: startIntervalMs * 1e6, Retries: retries };
}

function withVariables(before: readonly string[], added: readonly (readonly [string, string | null])[]): string[] {
  const all = new Map(before.map((entry) => [entry.split('=', 1)[0] ?? '', entry]));
  for (const [name, value] of added) {
    if (value === null) all.delete(name);
    else all.set(name, `${name}=${value}`);
  }
  return [...all.values()];
}

const INSTRUCTIONS: Readonly<Record<string, (config: RunConfig, rest: string) => RunConfig>> = {
  CMD: (config, rest) => ({ ...config, Cmd: commandOf(rest) }),
  ENTRYPOINT: (config, rest) => ({ ...config, Entrypoint: commandOf(rest) }),
  ENV: (config, rest) => ({ ...config, Env: withVariables(config.Env ?? [], pairsOf(rest, 'ENV', config)) }),
  LABEL: (config, rest) => ({ ...config, Labels: { ...config.Labels, ...Object.fromEntries(pairsOf(rest, 'LABEL', config)) } }),
  EXPOSE: (config, rest) => ({ ...config, ExposedPorts: { ...config.ExposedPorts, ...Object.fromEntries(wordsOf(rest, config).flatMap(portsOf).map((port) => [port, {}])) } }),
  VOLUME: (config, rest) => ({ ...config, Volumes: { ...config.Volumes, ...Object.fromEntries((listOf(rest) ?? wordsOf(rest, config)).map((path) => [path, {}])) } }),
  USER: (config, rest) => ({ ...config, User: withValues(rest, config) }),
  WORKDIR: (config, rest) => ({ ...config, WorkingDir: resolve('/', config.WorkingDir ?? '', withValues(rest, config)) }),
  STOPSIGNAL: (config, rest) => ({ ...config, StopSignal: withValues(rest, config) }),
  HEALTHCHECK: (config, rest) => ({ ...config, Healthcheck: healthcheckIn(rest) }),
  ONBUILD: (config, rest) => ({ ...config, OnBuild: [...(Array.isArray(config['OnBuild']) ? config['OnBuild'] : []), rest] }),
};

/** An instruction of a Dockerfile that changes how an image runs. Throws BayplanError `bad-request`. */
export function withChange(config: RunConfig, line: string): RunConfig {
  const [, name = '', rest = ''] = /^\s*(\S+)\s*([\s\S]*?)\s*$/.exec(line) ?? [];
  const instruction = INSTRUCTIONS[name.toUpperCase()];
  if (instruction === undefined) throw new BayplanError('bad-request', `change "${line}": expected one of ${Object.keys(INSTRUCTIONS).join(', ')}`);
  if (rest === '') throw new BayplanError('bad-request', `change "${line}": ${name.toUpperCase()} needs a value`);
  return instruction(config, rest);
}

const CHECK_TIMES: Readonly<Record<string, 'Interval' | 'Timeout' | 'StartPeriod' | 'StartInterval'>> = { interval: 'Interval', timeout: 'Timeout', 'start-period': 'StartPeriod', 'start-interval': 'StartInterval' };

/** `NONE`, or `[--interval=TIME …] CMD COMMAND`. */
function healthcheckIn(text: string): NonNullable<RunConfig['Healthcheck']> {
  const wrong = (why: string): BayplanError => new BayplanError('bad-request', `change "HEALTHCHECK ${text}": ${why}`);
  const [, flags = '', kind = '', command = ''] = /^((?:--\S+\s+)*)(\S+)\s*([\s\S]*)$/.exec(text) ?? [];
  if (kind.toUpperCase() === 'NONE' && flags === '' && command === '') return { Test: ['NONE'] };
  if (kind.toUpperCase() !== 'CMD' || command === '') throw wrong('expected NONE, or options and CMD with a command');
  const words = listOf(command);
  const check: NonNullable<RunConfig['Healthcheck']> = { Test: words === null ? ['CMD-SHELL', command] : ['CMD', ...words] };
  for (const flag of flags.split(/\s+/).filter((each) => each !== '')) {
    const [, name = '', value = ''] = /^--([a-z-]+)=(.+)$/.exec(flag) ?? [];
    const time = CHECK_TIMES[name];
    const ms = time === undefined ? null : parseDuration(value);
    if (time !== undefined && ms !== null && ms >= 0) check[time] = Math.round(ms * 1e6);
    else if (name === 'retries' && /^\d{1,9}$/.test(value)) check.Retries = Number(value);
    else throw wrong(`${flag}: expected --interval, --timeout, --start-period or --start-interval with a time as 30s, or --retries with a number`);
  }
  return check;
}

/** A JSON list is run as it is, all else by a shell. */
function commandOf(text: string): string[] {
  return listOf(text) ?? ['/bin/sh', '-c', text];
}

function listOf(text: string): string[] | null {
  if (!text.startsWith('[')) return null;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((word) => typeof word === 'string') ? value : null;
  } catch {
    return null; // the shell's words then, as Docker has it
  }
}

/** Words with `"`, `'` and the image's variables as a shell has them. */
function wordsOf(text: string, config: RunConfig): string[] {
  return [...text.matchAll(/(?:[^\s"']|"(?:[^"\\]|\\.)*"|'[^']*')+/g)].map(([word]) => word.replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'|([^"']+)/g, (_all, double: string | undefined, single: string | undefined, bare: string | undefined) => (
    double === undefined ? single ?? withValues(bare ?? '', config) : withValues(double, config, /\\(.)/s))));
}

const VARIABLE = /\$(?:\{([A-Za-z_]\w*)(?::([-+])([^}]*))?\}|([A-Za-z_]\w*))/;

/** `$NAME`, `${NAME}`, `${NAME:-OTHER}` and `${NAME:+OTHER}` by the image's environment, as in a Dockerfile; what `escape` finds stands for itself. */
function withValues(text: string, { Env }: RunConfig, escape = /\\(\$)/): string {
  const values = new Map((Env ?? []).map((entry) => [entry.split('=', 1)[0] ?? '', entry.slice(entry.indexOf('=') + 1)]));
  return text.replace(new RegExp(`${escape.source}|${VARIABLE.source}`, 'gs'), (_all, escaped: string | undefined, braced: string | undefined, operator: string | undefined, other = '', plain = '') => {
    if (escaped !== undefined) return escaped;
    const value = values.get(braced ?? plain) ?? '';
    if (operator === '-') return value === '' ? other : value;
    return operator === '+' ? (value === '' ? '' : other) : value;
  });
}

/** `NAME=VALUE …`, or Docker's old `NAME VALUE`. */
function pairsOf(text: string, instruction: string, config: RunConfig): readonly (readonly [string, string])[] {
  const words = wordsOf(text, config);
  if (words[0] !== undefined && !words[0].includes('=')) {
    const [name = '', ...value] = text.split(/\s+/);
    if (value.length === 0) throw new BayplanError('bad-request', `change "${instruction} ${text}": expected NAME=VALUE`);
    return [[name, withValues(text.slice(name.length).trim(), config)]];
  }
  return words.map((word) => {
    const at = word.indexOf('=');
    if (at <= 0) throw new BayplanError('bad-request', `change "${instruction} ${text}": expected NAME=VALUE, got "${word}"`);
    return [word.slice(0, at), word.slice(at + 1)];
  });
}

function portsOf(text: string): readonly string[] {
  const ports = exposedPorts(text);
  if (ports === null) throw new BayplanError('bad-request', `change "EXPOSE ${text}": expected PORT or PORT/PROTOCOL`);
  return ports;
}
