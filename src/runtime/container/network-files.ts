import { chownSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { ContainerFiles } from './bundle-files.ts';
import { attachmentsOf, hostnameOf } from './endpoint.ts';
import type { ContainerRecord } from './record.ts';
import { resolvConfOf } from './resolv-conf.ts';
import { rootOf } from './users.ts';

/** `/etc/hosts` as Docker makes it: loopback names, `extra_hosts`, then the container's own name at its own address. `gateway` is what `host-gateway` stands for. */
export function hostsFile(record: ContainerRecord, hostname: string, gateway: string): string {
  const lines = ['127.0.0.1\tlocalhost', '::1\tlocalhost ip6-localhost ip6-loopback', 'fe00::\tip6-localnet', 'ff00::\tip6-mcastprefix', 'ff02::1\tip6-allnodes', 'ff02::2\tip6-allrouters'];
  for (const extra of record.spec.extraHosts) {
    const [, name, address] = /^([^:=]+)[:=](.+)$/.exec(extra) ?? [];
    if (name !== undefined && address !== undefined) lines.push(`${address === 'host-gateway' ? gateway : address.replace(/^\[(.*)\]$/, '$1')}\t${name}`);
  }
  return `${[...lines, ...hostsLines(record, hostname)].join('\n')}\n`;
}

/** The lines of it that say where the container itself is. */
export function hostsLines(record: ContainerRecord, hostname: string): readonly string[] {
  const whole = record.spec.domainname === '' ? hostname : `${hostname}.${record.spec.domainname}`;
  const [short = ''] = whole.split('.', 1);
  const full = short === '' || short === whole ? whole : `${whole} ${short}`;
  return attachmentsOf(record).flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6]).filter((address) => address !== '').map((address) => `${address}\t${full}`);
}

/** Writes the files that everybody who lives in the container's network namespace sees: in place, so that those who see them already see the new ones. */
export function writeNetworkFiles(record: ContainerRecord, files: ContainerFiles, gateway: string): void {
  const hostname = hostnameOf(record);
  writeFileSync(files.hosts, hostsFile(record, hostname, gateway));
  writeFileSync(files.hostname, `${hostname}\n`);
  writeFileSync(files.resolvConf, resolvConfOf(record.spec, hostResolvConf()));
  if (record.users === null) return;
  const { uid, gid } = rootOf(record.users); // in memory, where not every kernel has idmapped mounts
  for (const file of [files.hosts, files.hostname, files.resolvConf]) chownSync(file, uid, gid);
}

/** Read at each start, since it changes with the host's networks; a host without one has no nameservers. */
function hostResolvConf(): string {
  return existsSync('/etc/resolv.conf') ? readFileSync('/etc/resolv.conf', 'utf8') : '';
}
