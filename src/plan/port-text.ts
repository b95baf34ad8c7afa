import type { PublishedPort } from '../state/container.ts';

/** A published port as a stack file's short syntax writes it: `127.0.0.1:8080:80/tcp`. */
export function portText({ hostIp, published, target, protocol }: PublishedPort): string {
  return `${hostIp === '' ? '' : `${hostIp}:`}${published === null ? '' : `${published}:`}${target}/${protocol}`;
}
