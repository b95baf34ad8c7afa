import { lookup } from 'node:dns/promises';
import { hostname } from 'node:os';
import { BayplanError } from '../../state/bayplan-error.ts';
import { syslogOf } from '../../state/logging.ts';
import { syslogTag } from '../../state/syslog.ts';
import type { ContainerRecord } from './record.ts';

/** What `--syslog` of the shim is told, the server's name looked up; null: the container's output goes to no server. Throws where there is no such host. */
export async function syslogOptions({ id, name, spec }: ContainerRecord): Promise<string | null> {
  const target = syslogOf(spec.logging);
  if (target === null) return null;
  const { tag, address, ...rest } = target;
  const number = target.protocol === 'unix' ? address : (await lookup(address).catch((cause: unknown) => {
    throw new BayplanError('not-found', `container ${name}: syslog-address: host ${address} is not known`, { cause });
  })).address;
  return JSON.stringify({ version: 1, ...rest, address: number, tag: syslogTag(tag, { id, name, image: spec.image, imageId: spec.imageId }), host: hostname() });
}
