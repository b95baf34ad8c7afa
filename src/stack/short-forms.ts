import { formatDuration, parseDuration } from '../state/duration.ts';
import { parseByteSize } from './byte-size.ts';
import { splitCommandLine } from './command-line.ts';
import { isAddress, parsePortSpec } from './port-spec.ts';
import type { PortConfig } from './port-spec.ts';
import { converted, count, dictOf, distinct, flag, listOf, longOrShort, mismatch, number, oneOf, orNothing, parsed, record, text, textOrNumber, textOrWhole, unrepeated, wholeInteger } from './shape.ts';
import type { Shape } from './shape.ts';
import { child, describe, isWhole, textOf } from './tree.ts';
import type { Tree } from './tree.ts';
import { cleanPath, isWindowsPath, parseVolumeSpec } from './volume-spec.ts';
import type { VolumeConfig } from './volume-spec.ts';

/** Names of services, networks, volumes. */
export const namePattern = /^[a-zA-Z0-9._-]+$/;

/** Time as Go prints it; kept as text so that `config` prints what was meant. */
export const duration: Shape<string> = parsed('a duration such as 1m30s', (value) => {
  const ms = parseDuration(value);
  return ms === null ? undefined : formatDuration(ms);
}, text);

const size = (value: string): string | undefined => parseByteSize(value)?.toString();

/** Bytes as decimal text, as Compose prints them. A fraction that is no text counts for nothing, as in docker compose. */
export const byteSize: Shape<string> = {
  expected: 'a size in bytes such as 512m',
  read: (tree, reading, where) => {
    if (tree.kind === 'leaf' && typeof tree.value === 'number') return isWhole(tree) ? textOf(tree) : '0';
    return byteText.read(tree, reading, where);
  },
};

/** Bytes that have to be written as text. */
export const byteText: Shape<string> = parsed('a size in bytes such as 512m', size, text);

/** Bytes, where a fraction is a mistake. */
export const wholeByteSize: Shape<string> = {
  expected: 'a size in bytes such as 512m',
  read: (tree, reading, where) => tree.kind === 'leaf' && typeof tree.value === 'number' && !Number.isInteger(tree.value) ? mismatch(tree, reading, where, 'a size in bytes such as 512m') : byteSize.read(tree, reading, where),
};

/** A path made absolute. */
export const path: Shape<string> = converted(text, (value, _tree, reading) => value === '' ? '' : reading.resolve(value));

/** Any text is one until it is brought up; a boolean is a slip that many make, since `no` is none. */
export const restart: Shape<string> = {
  expected: '"no", "always", "unless-stopped" or "on-failure[:N]"',
  read: (tree, reading, where) => {
    if (tree.kind === 'leaf' && typeof tree.value === 'string') return tree.value;
    reading.mistakes.add(tree.at, `${where}: expected "no", "always", "unless-stopped" or "on-failure[:N]", got ${describe(tree)}${tree.kind === 'leaf' && typeof tree.value === 'boolean' ? `; write "${tree.value ? 'always' : 'no'}"` : ''}`);
    return undefined;
  },
};

/** A command as words; a string is split as a shell would, nothing means "as the image says". */
export const command: Shape<readonly string[] | null> = {
  expected: 'a string or a list of strings',
  read: (tree, reading, where) => {
    if (tree.kind === 'list') return listOf(text).read(tree, reading, where);
    if (tree.kind !== 'leaf' || (tree.value !== null && typeof tree.value !== 'string')) return mismatch(tree, reading, where, 'a string or a list of strings');
    if (tree.value === null) return null;
    return splitCommandLine(tree.value) ?? mismatch(tree, reading, where, 'a command with its quotes closed');
  },
};

/** `{ K: v }` or `["K=v", "K"]`; null: no value was given. */
export const pairs: Shape<Readonly<Record<string, string | null>>> = pairsOf({ repeats: true, blanks: false });
/** The same where a list that says something twice is a mistake. */
export const unrepeatedPairs: Shape<Readonly<Record<string, string | null>>> = pairsOf({ repeats: false, blanks: false });

/** `repeats`: a list may say a key twice. `blanks`: a name in a list may end in blanks. */
function pairsOf({ repeats, blanks }: { readonly repeats: boolean; readonly blanks: boolean }): Shape<Readonly<Record<string, string | null>>> {
  const items = repeats ? listOf(text) : unrepeated(text);
  return {
    expected: 'a mapping or a list of KEY=value',
    read: (tree, reading, where) => {
      const result: Record<string, string | null> = {};
      const keep = (key: string, value: string | null, at: Tree, listed = true): void => {
        if (key === '' && !listed) reading.mistakes.add(at.at, `${where}: expected a name as key, got ""; write KEY: value`);
        else if (key === '__proto__') reading.mistakes.add(at.at, `${where}: key "__proto__" cannot be used; choose another name`);
        else if (value?.includes('\0') === true) reading.mistakes.add(at.at, `${where}.${key}: expected text, got a NUL byte`);
        else result[key] = value;
      };
      if (tree.kind === 'dict') {
        for (const [key, { key: place, value }] of tree.entries) {
          const listed = place === value.at; // a merge made a mapping of what a list says
          if (value.kind === 'leaf' && !(value.value instanceof Date)) keep(key, value.value === null ? null : textOf(value), value, listed);
          else reading.mistakes.add(value.at, `${where}.${key}: expected a string, a number, a boolean or nothing, got ${describe(value)}${value.kind === 'leaf' ? `; write "${value.text}"` : '; check the indentation, or write it as text'}`);
        }
        return result;
      }
      if (tree.kind !== 'list') return mismatch(tree, reading, where, 'a mapping or a list of KEY=value');
      const wrong = tree.items.filter((item) => item.kind !== 'leaf' || typeof item.value !== 'string');
      for (const item of wrong) {
        const hint = item.kind === 'dict' ? '; write KEY=value, or drop the "-"' : item.kind === 'leaf' && item.text !== '' ? `; write "${item.text}"` : '';
        reading.mistakes.add(item.at, `${where}: expected KEY=value, got ${describe(item)}${hint}`);
      }
      if (wrong.length > 0) return undefined;
      items.read(tree, reading, where)?.forEach((item, index) => {
        const equals = item.indexOf('=');
        const key = equals < 0 ? item : item.slice(0, equals);
        const at = tree.items[index] ?? tree;
        if (!blanks && /\s$/.test(key)) reading.mistakes.add(at.at, `${where}: expected a name without blanks after it, got ${JSON.stringify(key)}; write KEY=value without blanks around the "="`);
        else keep(key, equals < 0 ? null : item.slice(equals + 1), at);
      });
      return result;
    },
  };
}

const valued = (value: Readonly<Record<string, string | null>>): Readonly<Record<string, string>> => Object.fromEntries(Object.entries(value).map(([key, each]) => [key, each ?? '']));

/** Pairs where no value means ''. */
export const labels: Shape<Readonly<Record<string, string>>> = converted(pairsOf({ repeats: true, blanks: true }), valued);
export const unrepeatedLabels: Shape<Readonly<Record<string, string>>> = converted(pairsOf({ repeats: false, blanks: true }), valued);

/** `host=address`, sorted; from `host:address` lists or mappings. */
export const extraHosts: Shape<readonly string[]> = {
  expected: 'a mapping or a list of HOST=ADDRESS',
  read: (tree, reading, where) => {
    const found: string[] = [];
    const keep = (at: Tree, host: string, addresses: readonly string[]): void => {
      if (host === '' || /[:=]/.test(host)) reading.mistakes.add(at.at, `${where}: expected a host's name before "=", got ${JSON.stringify(host)}`);
      else for (const each of addresses) found.push(`${host}=${each.length > 2 ? each.replace(/^\[(.*)\]$/, '$1') : each}`);
    };
    if (tree.kind === 'dict') {
      for (const [host, { value }] of tree.entries) {
        const addresses = value.kind === 'list' ? listOf(text).read(value, reading, `${where}.${host}`) : [text.read(value, reading, `${where}.${host}`)];
        keep(value, host, (addresses ?? []).filter((each) => each !== undefined));
      }
      return found.sort();
    }
    if (tree.kind !== 'list') return mismatch(tree, reading, where, 'a mapping or a list of HOST=ADDRESS');
    unrepeated(text).read(tree, reading, where)?.forEach((item, index) => {
      const at = tree.items[index] ?? tree;
      const parts = /^([^=]*)=([\s\S]*)$/.exec(item) ?? /^([^:]*):([\s\S]*)$/.exec(item);
      if (parts === null) reading.mistakes.add(at.at, `${where}: expected HOST=ADDRESS, got ${JSON.stringify(item)}; write "${item}=ADDRESS"`);
      else keep(at, parts[1] ?? '', (parts[2] ?? '').split(','));
    });
    return found.sort();
  },
};

/** A list of names as a mapping from each to `value`. */
export function namesAs<T>(value: T, long: Shape<Readonly<Record<string, T>>>): Shape<Readonly<Record<string, T>>> {
  return {
    expected: 'a mapping or a list of names',
    read: (tree, reading, where) => {
      if (tree.kind === 'dict') return long.read(tree, reading, where);
      if (tree.kind !== 'list') return mismatch(tree, reading, where, 'a mapping or a list of names');
      const names = unrepeated(parsed('a name', (each) => each === '__proto__' ? undefined : each, text)).read(tree, reading, where);
      return names === undefined ? undefined : Object.fromEntries(names.map((name) => [name, value]));
    },
  };
}

const longPort = converted(record('a port', { target: portNumber() }, {
  name: text, mode: text, host_ip: parsed('an IP address', (value) => isAddress(value) ? value : undefined, text), published: textOrWhole, protocol: text, app_protocol: text,
  'x-bayplan': record('x-bayplan', {}, { allow: listOf(text) }),
}), ({ published, ...port }): readonly PortConfig[] => [{ mode: 'ingress', ...port, ...(published === undefined ? {} : { published }), protocol: port.protocol ?? 'tcp' }]);

function portNumber(): Shape<number> {
  return number('a port from 1 to 65535', { fraction: 'refused', least: 0, most: 2 ** 32 - 1 });
}

const shortPort: Shape<readonly PortConfig[]> = {
  expected: 'a port as a string or a number',
  read: (tree, reading, where) => {
    if (tree.kind === 'leaf' && typeof tree.value === 'number' && !isWhole(tree)) return mismatch(tree, reading, where, 'a port such as "8080:80"');
    const spec = textOrNumber.read(tree, reading, where);
    if (spec === undefined) return undefined;
    const ports = parsePortSpec(spec, reading.ports.left);
    if (typeof ports === 'string') {
      reading.mistakes.add(tree.at, `${where}: ${ports}`);
      return undefined;
    }
    reading.ports.left -= ports.length;
    return ports;
  },
};

/** Ports in long form, ranges expanded, each once. */
export const ports: Shape<readonly PortConfig[]> = converted(listOf(longOrShort(longPort, shortPort)), (found, tree) => {
  const items = tree.kind === 'list' ? tree.items : [];
  const byKey = new Map(found.flatMap((several, index) => several.map((port) => [portKey(port, isNumbered(items[index])), port])));
  return [...byKey.values()];
});

/** Whether a long port has its host port as a number: to docker compose that is another one than the same as text. */
export function isNumbered(item: Tree | undefined): boolean {
  const published = child(item, 'published');
  return published?.kind === 'leaf' && typeof published.value === 'number';
}

/** What makes two ports the same: address, host port, container port, protocol. */
export function portKey(port: PortConfig, numbered: boolean): string {
  return `${port.host_ip ?? '0.0.0.0'}:${numbered ? '#' : ''}${port.published ?? ''}:${String(port.target)}/${port.protocol ?? 'tcp'}`;
}

const octalText = parsed('an octal mode such as 0444', (value) => /^[+-]?[0-7]+$/.test(value) ? Number.parseInt(value, 8) : undefined, text);
const fileMode: Shape<number> = {
  expected: octalText.expected,
  read: (tree, reading, where) => {
    if (tree.kind !== 'leaf' || typeof tree.value !== 'number') return octalText.read(tree, reading, where);
    return isWhole(tree) ? tree.value : mismatch(tree, reading, where, octalText.expected);
  },
};

const longVolume = record('a mount', { type: oneOf('bind', 'volume', 'tmpfs', 'cluster', 'npipe', 'image') }, {
  source: text, target: text, read_only: flag, consistency: text,
  bind: record('a bind mount', {}, { propagation: text, create_host_path: flag, recursive: oneOf('enabled', 'disabled', 'writable', 'readonly'), selinux: oneOf('z', 'Z') }),
  volume: record('a volume mount', {}, { labels: unrepeatedLabels, nocopy: flag, subpath: text }),
  tmpfs: record('a tmpfs mount', {}, { size: tmpfsSize(), mode: plainMode() }),
  image: record('an image mount', {}, { subpath: text }),
});

/** Docker compose takes no text here. */
function plainMode(): Shape<number> {
  const mode = number('an octal mode such as 0444, without quotes', { fraction: 'cut', least: 0, most: 2 ** 32 - 1 });
  return { expected: mode.expected, read: (tree, reading, where) => (tree.kind === 'leaf' && typeof tree.value === 'string' ? mismatch(tree, reading, where, mode.expected) : mode.read(tree, reading, where)) };
}

function tmpfsSize(): Shape<string> {
  return {
    expected: 'a size in bytes, 0 or more',
    read: (tree, reading, where) => tree.kind === 'leaf' && typeof tree.value === 'number' && tree.value < 0 ? mismatch(tree, reading, where, 'a size in bytes, 0 or more') : wholeByteSize.read(tree, reading, where),
  };
}

const shortVolume: Shape<VolumeConfig> = {
  expected: 'a mount as a string',
  read: (tree, reading, where) => {
    const spec = text.read(tree, reading, where);
    if (spec === undefined) return undefined;
    const volume = parseVolumeSpec(spec);
    if (typeof volume !== 'string') return volume;
    reading.mistakes.add(tree.at, `${where}: ${volume}`);
    return undefined;
  },
};

const volume: Shape<VolumeConfig> = converted(longOrShort(longVolume, shortVolume), (each, tree, reading, where): VolumeConfig | undefined => {
  if (each.target === undefined) {
    reading.mistakes.add(tree.at, `${where}: expected the key "target", a path in the container, got none`);
    return undefined;
  }
  const target = cleanPath(each.target);
  if (each.type !== 'bind') return { ...each, target };
  if (each.source === undefined) {
    reading.mistakes.add(tree.at, `${where}: expected a source for the bind mount of ${target}, got none; say which folder of this machine, source: PATH`);
    return undefined;
  }
  return { ...each, target, source: isWindowsPath(each.source) ? each.source : reading.resolve(each.source) };
});

/** Mounts in long form; of two at the same target the later one counts. */
export const volumes: Shape<readonly VolumeConfig[]> = distinct(volume, ({ target }) => target);

/** Octal text, as Compose prints a mode. */
const octal: Shape<string> = converted(fileMode, (value) => `0${value.toString(8)}`);

/** A config or secret that is given to a service. */
export interface GrantConfig { readonly source: string; readonly target?: string; readonly uid?: string; readonly gid?: string; readonly mode?: string; readonly 'x-bayplan'?: { readonly on_change?: OnChangeConfig } }

/** `{ signal: SIGHUP }`, `{ exec: [nginx, -s, reload] }`, or `{}`: the file is replaced, and nothing follows. */
export interface OnChangeConfig { readonly signal?: string; readonly exec?: readonly string[] | null }

export const onChange: Shape<OnChangeConfig> = record('on_change', {}, { signal: text, exec: command });

/** Configs or secrets of a service; `folder`: where a target without a folder goes. */
export function grants(folder: string | null): Shape<readonly GrantConfig[]> {
  const long = record('a config or secret', {}, { source: text, target: text, uid: text, gid: text, mode: octal, 'x-bayplan': record('x-bayplan', {}, { on_change: onChange }) });
  const short = converted(text, (source): GrantConfig => ({ source }));
  const grant = converted(longOrShort(long, short), ({ source = '', ...rest }): GrantConfig => folder === null ? { source, ...rest } : { source, ...rest, target: rest.target ?? `${folder}/${source}` });
  return distinct(grant, ({ source, target }) => target ?? `${folder ?? ''}/${source}`);
}

export interface EnvFileConfig { readonly path: string; readonly required?: boolean; readonly format?: string }

const envFile = longOrShort(record('an env file', { path }, { required: flag, format: text }), converted(path, (each): EnvFileConfig => ({ path: each })));

export const envFiles: Shape<readonly EnvFileConfig[]> = {
  expected: 'a path or a list of paths',
  read: (tree, reading, where) => {
    if (tree.kind === 'list') return distinct(envFile, ({ path: file }) => file).read(tree, reading, where);
    const one = path.read(tree, reading, where);
    return one === undefined ? undefined : [{ path: one }];
  },
};

export const healthcheck = record('a healthcheck', {}, {
  disable: flag, interval: duration, timeout: duration, start_period: duration, start_interval: duration,
  retries: count,
  test: {
    expected: 'a string or a list',
    read: (tree, reading, where) => {
      if (tree.kind === 'leaf' && typeof tree.value === 'string') return ['CMD-SHELL', tree.value];
      return tree.kind === 'list' ? listOf(text).read(tree, reading, where) : mismatch(tree, reading, where, 'a string or a list of strings');
    },
  } satisfies Shape<readonly string[]>,
});

const ulimit = longOrShort(record('a ulimit', { soft: wholeInteger, hard: wholeInteger }, {}), wholeInteger);
export const ulimits = dictOf(ulimit);

/** `external: true`, or the old `external: { name }`. */
export const external = longOrShort(record('external', {}, { name: text }), flag);
/** The same, where unknown keys of the old form do not matter. */
export const looseExternal = longOrShort(anyKeys({ name: text }), flag);

function anyKeys(fields: { readonly name: Shape<string> }): Shape<{ readonly name?: string }> {
  return {
    expected: 'a mapping',
    read: (tree, reading, where) => {
      const name = child(tree, 'name');
      const read = name === undefined ? undefined : fields.name.read(name, reading, `${where}.name`);
      return read === undefined ? {} : { name: read };
    },
  };
}

export const hook = record('a hook', { command }, { user: text, privileged: flag, working_dir: text, environment: unrepeatedPairs });
export const startHook = record('a hook', {}, { command, image: text, user: text, privileged: flag, working_dir: text, environment: unrepeatedPairs, per_replica: flag });

/** Free options: names to text. */
export const options = dictOf(textOrNumber);

export const nothingOr = <T>(shape: Shape<T>): Shape<T | null> => orNothing(shape, null);
