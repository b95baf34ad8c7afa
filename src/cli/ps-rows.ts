import { nameOf, type ContainerSummary } from '../client/container-summary.ts';
import { humanDuration } from '../state/human-duration.ts';
import { portsText } from './port-text.ts';
import { table } from './table.ts';

/** A line of `ps --format json`, with docker compose's fields. */
export function psRecord(one: ContainerSummary, now: number, truncate: boolean): object {
  const volumes = one.Mounts.filter(({ Type }) => Type === 'volume');
  return {
    Command: quoted(one.Command, truncate), CreatedAt: `${new Date(one.Created * 1000).toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`, ExitCode: one.Bayplan.exitCode,
    Health: one.Bayplan.health === 'none' ? '' : one.Bayplan.health, ID: truncate ? one.Id.slice(0, 12) : one.Id, Image: one.Image,
    Labels: Object.entries(one.Labels).map(([key, value]) => `${key}=${value}`).join(','), LocalVolumes: String(volumes.length), Mounts: one.Mounts.map(({ Name, Source }) => Name ?? Source).join(','),
    Name: nameOf(one), Names: nameOf(one), Networks: Object.keys(one.NetworkSettings.Networks).join(','), Ports: portsText(one.Ports), Project: one.Bayplan.stack,
    Publishers: one.Ports.map((port) => ({ URL: port.IP ?? '', TargetPort: port.PrivatePort, PublishedPort: port.PublicPort ?? 0, Protocol: port.Type })),
    RunningFor: `${humanDuration(now - one.Created * 1000)} ago`, Service: one.Bayplan.service, Size: '0B', State: one.State, Status: one.Status,
  };
}

export function psTable(found: readonly ContainerSummary[], now: number, truncate: boolean): string {
  return table(['NAME', 'IMAGE', 'COMMAND', 'SERVICE', 'CREATED', 'STATUS', 'PORTS'],
    found.map((one) => [nameOf(one), one.Image, quoted(one.Command, truncate), one.Bayplan.service, `${humanDuration(now - one.Created * 1000)} ago`, one.Status, portsText(one.Ports)]));
}

/** In quotes as Go's `%q` has them, like docker's: a command of several lines stays in its row, and steers no terminal. */
function quoted(command: string, truncate: boolean): string {
  const shown = truncate && command.length > 20 ? `${command.slice(0, 19)}…` : command;
  return `"${shown.replace(/["\\\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escaped)}"`;
}

const SHORT = new Map([['"', '\\"'], ['\\', '\\\\'], ['\u0007', '\\a'], ['\b', '\\b'], ['\f', '\\f'], ['\n', '\\n'], ['\r', '\\r'], ['\t', '\\t'], ['\v', '\\v']]);

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const digits = (count: number): string => code.toString(16).padStart(count, '0');
  return SHORT.get(character) ?? (code < 0x80 ? `\\x${digits(2)}` : code < 0x10000 ? `\\u${digits(4)}` : `\\U${digits(8)}`);
}
