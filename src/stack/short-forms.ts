import { isIP, isIPv4, isIPv6 } from 'node:net';
import { formatDuration, parseDuration } from '../state/duration.ts';
import { isReference } from '../state/image-reference.ts';
import { parseByteSize } from './byte-size.ts';
import { splitCommandLine } from './command-line.ts';
import { parsePortRange, parsePortSpec, portProtocols } from './port-spec.ts';
import type { PortConfig } from './port-spec.ts';
import { converted, dictOf, flag, integer, count, listOf, loose, longOrShort, mismatch, oneOf, orNothing, parsed, record, text } from './shape.ts';
import type { Shape } from './shape.ts';
import { describe, textOf } from './tree.ts';
import { isPath, parseVolumeSpec, propagations } from './volume-spec.ts';
import type { VolumeConfig } from './volume-spec.ts';

/** Names of services, networks, volumes. */
export const namePattern = /^[a-zA-Z0-9._-]+$/;

/** Time as Go prints it; kept as text so that `config` prints what was meant. */
export const duration: Shape<string> = parsed('a duration such as 1m30s', (value) => {
  const ms = parseDuration(value);
  return ms === null || ms < 0 ? undefined : formatDuration(ms);
});

/** Bytes as decimal text, as Compose prints them. */
export const byteSize: Shape<string> = parsed('a size in bytes such as 512m', (value) => parseByteSize(value)?.toString());

/** A path made absolute. */
export const path: Shape<string> = converted(text, (value, _tree, reading) => reading.resolve(value));

/** A path inside a container. */
export const absolutePath: Shape<string> = parsed('an absolute path', (value) => value === '' || value.startsWith('/') ? value : undefined, text);
/** `PATH[:OPTIONS]`. */
export const tmpfs: Shape<string> = converted(parsed('an absolute path, perhaps with :OPTIONS', (value) => value.startsWith('/') ? value : undefined, text), (value, tree, reading, where) => {
  const problem = tmpfsProblem(value);
  if (problem === null) return value;
  reading.mistakes.add(tree.at, `${where}: ${problem}`);
  return undefined;
});

/** What is wrong with the options that have a form; the kernel judges the rest. */
function tmpfsProblem(spec: string): string | null {
  const colon = spec.indexOf(':');
  for (const option of colon < 0 ? [] : spec.slice(colon + 1).split(',')) {
    const [name, value = ''] = option.split('=', 2);
    if (name === 'size' && (parseByteSize(value) ?? -1) < 0 && !/^\d+%$/.test(value)) return `expected a size such as 64m, got ${JSON.stringify(value)}`;
    if (name === 'mode' && !/^[0-7]{1,4}$/.test(value)) return `expected an octal mode such as 1777, got ${JSON.stringify(value)}`;
  }
  return null;
}

/** What the kernel and name servers take. */
export const hostname: Shape<string> = parsed('a host name of at most 63 letters, digits, "-" and "."', (value) => /^[a-zA-Z0-9.-]{0,63}$/.test(value) ? value : undefined, text);

/** An image's name; an empty one is told apart later. */
export const image: Shape<string> = parsed('an image such as nginx:1.27 ([HOST/]NAME[:TAG][@sha256:DIGEST], the name in lower case)', (value) => value === '' || isReference(value) ? value : undefined, text);

export const ipv4: Shape<string> = parsed('an IPv4 address', (value) => value === '' || isIPv4(value) ? value : undefined, text);
export const ipv6: Shape<string> = parsed('an IPv6 address', (value) => value === '' || isIPv6(value) ? value : undefined, text);
export const linkLocal: Shape<string> = parsed('a link-local address such as 169.254.7.7 or fe80::7', (value) => isIP(value) !== 0 && /^(169\.254\.|fe[89ab])/i.test(value) ? value : undefined, text);
export const macAddress: Shape<string> = parsed('a hardware address such as 02:42:ac:11:00:02', (value) => value === '' || isHardwareAddress(value) ? value.toLowerCase().replaceAll('-', ':') : undefined, text);
/** Linux takes at most 15 bytes. */
export const linkName: Shape<string> = parsed('the name of a link, at most 15 characters', (value) => /^([^\s/:]{1,15}|)$/.test(value) && value !== 'lo' ? value : undefined, text);
export const address: Shape<string> = parsed('an IP address', (value) => value === '' || isIP(value) !== 0 ? value : undefined, text);
export const addressRange: Shape<string> = parsed('a subnet such as 10.9.0.0/24', (value) => value === '' || isRange(value) ? value : undefined, text);

/** One address is a network of its own. */
export const allowed: Shape<string> = parsed('an address or a subnet such as 10.9.0.0/24', (value) => isRange(value) || isIP(value) !== 0 ? value : undefined, text);

/** Six bytes, of a single station: the lowest bit of the first one is that of groups. */
function isHardwareAddress(value: string): boolean {
  return /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(value) && Number.parseInt(value.slice(0, 2), 16) % 2 === 0;
}

function isRange(value: string): boolean {
  const [base = '', bits = '', ...more] = value.split('/');
  return more.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (isIPv4(base) ? 32 : 128) && isIP(base) !== 0;
}

/** A command as words; a string is split as a shell would, nothing means "as the image says". */
export const command: Shape<readonly string[] | null> = {
  expected: 'a string or a list of strings',
  read: (tree, reading, where) => {
    if (tree.kind === 'list') return listOf(text).read(tree, reading, where);
    if (tree.kind !== 'leaf' || (tree.value !== null && typeof tree.value !== 'string')) return mismatch(tree, reading, where, 'a string or a list of strings');
    if (tree.value === null) return null;
    const words = splitCommandLine(tree.value);
    if (words === null) return mismatch(tree, reading, where, 'a command with its quotes closed');
    return words;
  },
};

/** `{ K: v }` or `["K=v", "K"]`; null: no value was given. */
export const pairs: Shape<Readonly<Record<string, string | null>>> = {
  expected: 'a mapping or a list of KEY=value',
  read: (tree, reading, where) => {
    const result: Record<string, string | null> = {};
    const keep = (key: string, value: string | null, at: typeof tree): void => {
      if (key.trim() !== key || key === '') reading.mistakes.add(at.at, `${where}: expected a name without blanks around it, got ${JSON.stringify(key)}`);
      else if (key === '__proto__') reading.mistakes.add(at.at, `${where}: key "__proto__" cannot be used; choose another name`);
      else if (value?.includes('\0') === true) reading.mistakes.add(at.at, `${where}.${key}: expected text, got a NUL byte`);
      else result[key] = value;
    };
    if (tree.kind === 'dict') {
      for (const [key, { value }] of tree.entries) {
        if (value.kind === 'leaf') keep(key, value.value === null ? null : textOf(value), value);
        else mismatch(value, reading, `${where}.${key}`, 'a string, a number, a boolean or nothing');
      }
      return result;
    }
    if (tree.kind !== 'list') return mismatch(tree, reading, where, 'a mapping or a list of KEY=value');
    for (const item of tree.items) {
      if (item.kind !== 'leaf' || typeof item.value !== 'string') {
        const hint = item.kind === 'dict' ? ' (write KEY=value, or drop the "-")' : '';
        reading.mistakes.add(item.at, `${where}: expected KEY=value, got ${describe(item)}${hint}`);
        continue;
      }
      const equals = item.value.indexOf('=');
      if (equals < 0) keep(item.value, null, item);
      else keep(item.value.slice(0, equals), item.value.slice(equals + 1), item);
    }
    return result;
  },
};

/** Pairs where no value means ''. */
export const labels: Shape<Readonly<Record<string, string>>> = converted(pairs, (value) => Object.fromEntries(Object.entries(value).map(([key, each]) => [key, each ?? ''])));

/** `host=address`, sorted; from `host:address` lists or mappings. */
export const extraHosts: Shape<readonly string[]> = {
  expected: 'a mapping or a list of HOST=ADDRESS',
  read: (tree, reading, where) => {
    const found: string[] = [];
    if (tree.kind === 'dict') {
      for (const [host, { value }] of tree.entries) {
        const addresses = value.kind === 'list' ? listOf(text).read(value, reading, `${where}.${host}`) : [text.read(value, reading, `${where}.${host}`)];
        for (const address of addresses ?? []) if (address !== undefined) found.push(`${host}=${address}`);
      }
    } else {
      if (tree.kind !== 'list') return mismatch(tree, reading, where, 'a mapping or a list of HOST=ADDRESS');
      for (const item of tree.items) {
        const parts = item.kind === 'leaf' ? /^([^=:]+)[=:](.+)$/.exec(item.text) : null;
        if (parts === null) mismatch(item, reading, where, 'HOST=ADDRESS');
        else for (const address of (parts[2] ?? '').split(',')) found.push(`${parts[1] ?? ''}=${address.trim().replace(/^\[(.*)\]$/, '$1')}`);
      }
    }
    return [...new Set(found)].sort();
  },
};

/** A list of names as a mapping from each to `value`. */
export function namesAs<T>(value: T, long: Shape<Readonly<Record<string, T>>>): Shape<Readonly<Record<string, T>>> {
  return {
    expected: 'a mapping or a list of names',
    read: (tree, reading, where) => {
      if (tree.kind === 'dict') return long.read(tree, reading, where);
      if (tree.kind !== 'list') return mismatch(tree, reading, where, 'a mapping or a list of names');
      const names = listOf(parsed('a name', (each) => namePattern.test(each) && each !== '__proto__' ? each : undefined, text)).read(tree, reading, where);
      return names === undefined ? undefined : Object.fromEntries(names.map((name) => [name, value]));
    },
  };
}

const portRange = parsed('a port from 1 to 65535, or a range', (value) => {
  const range = parsePortRange(value);
  if (range === null) return value === '' ? '' : undefined;
  return range.first === range.last ? String(range.first) : value;
});

const portNumber = parsed('a port from 1 to 65535', (value) => {
  const range = parsePortRange(value);
  return range !== null && range.first === range.last ? range.first : undefined;
});

const longPort = converted(record('a port', { target: portNumber }, {
  name: text, mode: text, host_ip: address, published: portRange, protocol: oneOf('tcp', 'udp', 'sctp'), app_protocol: text,
  'x-bayplan': record('x-bayplan', {}, { allow: listOf(allowed) }),
}), ({ published, ...port }): readonly PortConfig[] => [{ mode: 'ingress', ...port, ...(published === undefined || published === '' ? {} : { published }), protocol: port.protocol ?? portProtocols[0] ?? 'tcp' }]);

const shortPort: Shape<readonly PortConfig[]> = {
  expected: 'a port as a string or a number',
  read: (tree, reading, where) => {
    const spec = loose.read(tree, reading, where);
    if (spec === undefined) return undefined;
    const ports = parsePortSpec(spec);
    if (typeof ports !== 'string') return ports;
    reading.mistakes.add(tree.at, `${where}: ${ports}`);
    return undefined;
  },
};

/** Ports in long form, ranges expanded, each once. */
export const ports: Shape<readonly PortConfig[]> = converted(listOf(longOrShort(longPort, shortPort)), (found) => {
  const byKey = new Map(found.flat().map((port) => [portKey(port), port]));
  return [...byKey.values()];
});

/** What makes two ports the same: address, host port, container port, protocol. */
export function portKey(port: PortConfig): string {
  return `${port.host_ip ?? '0.0.0.0'}:${port.published ?? ''}:${String(port.target)}/${port.protocol ?? 'tcp'}`;
}

const mode = parsed('an octal mode such as 0444', (value) => /^0?o?[0-7]{1,4}$/.test(value) ? Number.parseInt(value.replace('o', ''), 8) : undefined);
const fileMode: Shape<number> = { expected: mode.expected, read: (tree, reading, where) => tree.kind === 'leaf' && typeof tree.value === 'number' ? tree.value : mode.read(tree, reading, where) };

const longVolume = record('a mount', { type: oneOf('bind', 'volume', 'tmpfs', 'cluster', 'npipe', 'image') }, {
  source: text, target: text, read_only: flag, consistency: text,
  bind: record('a bind mount', {}, { propagation: oneOf('', ...propagations), create_host_path: flag, recursive: oneOf('enabled', 'disabled', 'writable', 'readonly'), selinux: oneOf('z', 'Z') }),
  volume: record('a volume mount', {}, { labels: pairs, nocopy: flag, subpath: text }),
  tmpfs: record('a tmpfs mount', {}, { size: parsed('a size in bytes, 0 or more', (value) => { const bytes = parseByteSize(value); return bytes === null || bytes < 0 ? undefined : String(bytes); }), mode: fileMode }),
  image: record('an image mount', {}, { subpath: text }),
});

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
  const target = each.target ?? '';
  if (!target.startsWith('/') && each.type !== 'npipe') {
    reading.mistakes.add(tree.at, `${where}: expected an absolute path in the container as target, got ${JSON.stringify(target)}`);
    return undefined;
  }
  if (each.type === 'bind' && (each.source ?? '') === '') {
    reading.mistakes.add(tree.at, `${where}: expected a source for the bind mount of ${target}, got none`);
    return undefined;
  }
  if (each.type === 'volume' && each.source !== undefined && !namePattern.test(each.source)) {
    const hint = isPath(each.source) ? '; use type bind for a path' : '';
    reading.mistakes.add(tree.at, `${where}: expected a volume's name as source, got ${JSON.stringify(each.source)}${hint}`);
    return undefined;
  }
  return each.type === 'bind' ? { ...each, source: reading.resolve(each.source ?? '') } : each;
});

/** Mounts in long form; of two at the same target the later one counts. */
export const volumes: Shape<readonly VolumeConfig[]> = converted(listOf(volume), (found) => [...new Map(found.map((each) => [each.target, each])).values()]);

/** Octal text, as Compose prints a mode. */
const octal: Shape<string> = converted(fileMode, (value) => `0${value.toString(8)}`);

/** A config or secret that is given to a service. */
export interface GrantConfig { readonly source: string; readonly target?: string; readonly uid?: string; readonly gid?: string; readonly mode?: string }

/** Configs or secrets of a service; `folder`: where a target without a folder goes. */
export function grants(folder: string | null): Shape<readonly GrantConfig[]> {
  const id = parsed('a number, as the container knows users by', (value) => /^\d{1,10}$/.test(value) ? value : undefined);
  const long = record('a config or secret', { source: text }, { target: text, uid: id, gid: id, mode: octal });
  const short = converted(text, (source): GrantConfig => ({ source }));
  return listOf(converted(longOrShort(long, short), (grant): GrantConfig => folder === null ? grant : { ...grant, target: grant.target ?? `${folder}/${grant.source}` }));
}

export interface EnvFileConfig { readonly path: string; readonly required?: boolean; readonly format?: string }

const envFile = longOrShort(record('an env file', { path }, { required: flag, format: oneOf('', 'raw') }), converted(path, (each): EnvFileConfig => ({ path: each })));

export const envFiles: Shape<readonly EnvFileConfig[]> = {
  expected: 'a path or a list of paths',
  read: (tree, reading, where) => {
    if (tree.kind === 'list') return listOf(envFile).read(tree, reading, where);
    const one = path.read(tree, reading, where);
    return one === undefined ? undefined : [{ path: one }];
  },
};

export const healthcheck = record('a healthcheck', {}, {
  disable: flag, interval: duration, timeout: duration, start_period: duration, start_interval: duration,
  retries: parsed('a whole number, 0 or more', (value) => /^\d+$/.test(value) ? Number(value) : undefined),
  test: {
    expected: 'a string or a list',
    read: (tree, reading, where) => {
      if (tree.kind === 'leaf' && typeof tree.value === 'string') return ['CMD-SHELL', tree.value];
      const words = tree.kind === 'list' ? listOf(text).read(tree, reading, where) : mismatch(tree, reading, where, 'a string or a list of strings');
      if (words === undefined || words.length === 0) return words;
      if (!['NONE', 'CMD', 'CMD-SHELL'].includes(words[0] ?? '')) {
        reading.mistakes.add(tree.at, `${where}: expected "CMD", "CMD-SHELL" or "NONE" as the first word, got ${JSON.stringify(words[0])}`);
        return undefined;
      }
      return words;
    },
  } satisfies Shape<readonly string[]>,
});

const ulimit = longOrShort(record('a ulimit', { soft: integer, hard: integer }, {}), { ...integer, expected: 'a number' });
export const ulimits = dictOf(ulimit, /^[a-z]+$/);

/** `external: true`, or the old `external: { name }`. */
export const external = longOrShort(record('external', {}, { name: text }), { ...flag, expected: 'true or false (or a number)' });

export const hook = record('a hook', { command }, { user: text, privileged: flag, working_dir: text, environment: pairs });
export const startHook = record('a hook', {}, { command, image: text, user: text, privileged: flag, working_dir: text, environment: pairs, per_replica: flag });

/** Free options: names to text. */
export const options = dictOf(loose);

export const restart: Shape<string> = parsed('"no", "always", "unless-stopped" or "on-failure[:N]"', (value) => /^(no|always|unless-stopped|on-failure(:\d+)?|)$/.test(value) ? value : undefined);

export const nothingOr = <T>(shape: Shape<T>): Shape<T | null> => orNothing(shape, null);
export { count };
