import type { Identity } from '../../state/container.ts';

/** Whose containers may share a published port: the replicas and generations of one service; the API's share with nobody. */
export function portGroup(identity: Identity, id: string): string {
  return identity.owner === 'api' ? id : `${identity.stack}/${identity.service}`;
}
