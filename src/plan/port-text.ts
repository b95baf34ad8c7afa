import type { PublishedPort } from '../state/container.ts';

/** A published port as a stack file's short syntax writes it: `127.0.0.1:8080:80/tcp`, `[::1]:8080-8090:80/tcp`. */
export function portText({ hostIp, published, publishedLast, target, protocol }: PublishedPort): string {
  const host = hostIp.includes(':') ? `[${hostIp}]` : hostIp;
  const range = publishedLast === null ? '' : `-${publishedLast}`;
  return `${host === '' ? '' : `${host}:`}${published === null ? '' : `${published}${range}:`}${target}/${protocol}`;
}
