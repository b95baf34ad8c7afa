import type { Removal } from '../client/image-client.ts';

/** As docker tells of what it has removed. */
export function removalLine({ Untagged, Deleted }: Removal): string {
  return Untagged === undefined ? `Deleted: ${Deleted ?? ''}` : `Untagged: ${Untagged}`;
}
