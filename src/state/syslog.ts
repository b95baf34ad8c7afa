import { BayplanError } from './bayplan-error.ts';

/** Where and how output goes to a syslog server; `address` as it was written, perhaps a name. */
export interface SyslogTarget {
  readonly protocol: 'udp' | 'tcp' | 'unix';
  readonly address: string;
  readonly port: string;
  readonly facility: number;
  readonly format: '' | 'rfc3164' | 'rfc5424' | 'rfc5424micro';
  /** A template of Docker's: `{{.Name}}`. */
  readonly tag: string;
  readonly blocking: boolean;
  /** Bytes. */
  readonly buffer: number;
}

const FACILITIES = [
  'kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp', 'cron', 'authpriv', 'ftp', '', '', '', '', 'local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7',
];
const FORMATS = ['', 'rfc3164', 'rfc5424', 'rfc5424micro'] as const;
export const SYSLOG_OPTIONS = ['syslog-address', 'syslog-facility', 'syslog-format', 'tag', 'mode', 'max-buffer-size', 'labels', 'labels-regex', 'env', 'env-regex'];

/** The options of Docker's driver `syslog`. Throws `bad-request` for one that is none. `buffer`: what `max-buffer-size` comes to. */
export function syslogTarget(options: Readonly<Record<string, string>>, buffer: number): SyslogTarget {
  const { 'syslog-address': address = 'unix:///dev/log', 'syslog-facility': facility = 'daemon', 'syslog-format': format = '', tag = '{{.ID}}', mode = 'non-blocking' } = options;
  const number = /^\d+$/.test(facility) && Number(facility) < FACILITIES.length ? Number(facility) : facility === '' ? -1 : FACILITIES.indexOf(facility);
  if (number < 0) throw new BayplanError('bad-request', `logging option syslog-facility "${facility}": expected one of ${FACILITIES.filter((name) => name !== '').join(', ')}`);
  const known = FORMATS.find((one) => one === format);
  if (known === undefined) throw new BayplanError('bad-request', `logging option syslog-format "${format}": expected rfc3164, rfc5424 or rfc5424micro`);
  return { ...addressOf(address), facility: number, format: known, tag, blocking: mode === 'blocking', buffer };
}

function addressOf(text: string): Pick<SyslogTarget, 'protocol' | 'address' | 'port'> {
  const [, path] = /^unix(?:gram)?:\/\/(\/.+)$/.exec(text) ?? [];
  if (path !== undefined) return { protocol: 'unix', address: path, port: '' };
  const [, protocol, bracketed, plain, port = '514'] = /^(udp|tcp):\/\/(?:\[([0-9a-fA-F:]+)\]|([^:/]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  if ((protocol === 'udp' || protocol === 'tcp') && Number(port) <= 65535) return { protocol, address: bracketed ?? plain ?? '', port };
  throw new BayplanError('bad-request', `logging option syslog-address "${text}": expected udp://HOST[:PORT], tcp://HOST[:PORT] or unix:///PATH`);
}

/** What a tag comes to for one container. Throws `bad-request` for a part that is none of Docker's. */
export function syslogTag(tag: string, container: { readonly id: string; readonly name: string; readonly image: string; readonly imageId: string }): string {
  const parts: Readonly<Record<string, string>> = {
    ID: container.id.slice(0, 12), FullID: container.id, Name: container.name, ImageName: container.image, ImageFullID: container.imageId,
    ImageID: container.imageId.replace(/^sha256:/, '').slice(0, 12), DaemonName: 'bayplan',
  };
  return tag.replace(/\{\{\s*\.?(\w+)\s*\}\}/g, (whole, part: string) => {
    const value = parts[part];
    if (value === undefined) throw new BayplanError('bad-request', `logging option tag: "${whole}": expected one of ${Object.keys(parts).map((name) => `{{.${name}}}`).join(', ')}`);
    return value;
  });
}
