import type { ContainerSummary } from '../client/container-summary.ts';

type Port = ContainerSummary['Ports'][number];

/** Ports as docker and docker compose print them: neighbours that lead to the same number are one range, others come last (docker/cli, cli/command/formatter: DisplayablePorts). */
export function portsText(ports: readonly Port[]): string {
  const groups = new Map<string, { readonly form: (range: string) => string; first: number; last: number }>();
  const texts: string[] = [];
  const mapped: string[] = [];
  const text = ({ form, first, last }: { readonly form: (range: string) => string; readonly first: number; readonly last: number }): string => form(first === last ? String(first) : `${first}-${last}`);
  for (const { IP: ip = '', PrivatePort: target, PublicPort: published, Type: type } of [...ports].sort(inOrder)) {
    const host = ip.includes(':') ? `[${ip}]` : ip;
    if (published !== undefined && published !== target) {
      mapped.push(`${host}:${published}->${target}/${type}`);
      continue;
    }
    const key = `${ip}/${type}`;
    const group = groups.get(key);
    if (group !== undefined && target === group.last + 1) {
      group.last = target;
      continue;
    }
    if (group !== undefined) texts.push(text(group));
    groups.set(key, { form: (range) => (published === undefined ? `${range}/${type}` : `${host}:${range}->${range}/${type}`), first: target, last: target });
  }
  return [...texts, ...[...groups.values()].map(text), ...mapped].join(', ');
}

function inOrder(one: Port, other: Port): number {
  const by = <T extends string | number>(left: T, right: T): number => (left < right ? -1 : left > right ? 1 : 0);
  return by(one.PrivatePort, other.PrivatePort) || by(one.IP ?? '', other.IP ?? '') || by(one.PublicPort ?? 0, other.PublicPort ?? 0) || by(one.Type, other.Type);
}
