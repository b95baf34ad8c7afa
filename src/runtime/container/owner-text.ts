import type { Identity } from '../../state/container.ts';

/** Whose a container is, for messages. */
export function ownerText({ stack, service }: Identity): string {
  return stack === '' ? 'a container of no stack' : `a container of stack ${stack}${service === '' ? '' : `, service ${service}`}`;
}
