import type { ContainerSpec, Healthcheck } from '../../state/container.ts';
import type { Images } from '../image/images.ts';

/** The health check in force: the container's own, else its image's; null where there is none or it is switched off. */
export function checkOf(spec: ContainerSpec, images: Images): Healthcheck | null {
  const check = spec.healthcheck ?? images.find(spec.imageId)?.config.healthcheck ?? null;
  return isDisabled(check) ? null : check;
}

/** A check that is switched off: none at all, or `NONE`. */
export function isDisabled(check: Healthcheck | null): boolean {
  return check === null || check.test.length === 0 || check.test[0] === 'NONE';
}
