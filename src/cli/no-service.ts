import { BayplanError } from '../state/bayplan-error.ts';

/** A service was named that `where` does not have; `there`: those that it has. */
export function noService(name: string, where: string, there: readonly string[]): BayplanError {
  return new BayplanError('no-service', `no service "${name}" in ${where}: it has ${there.length === 0 ? 'none' : there.join(', ')}`);
}
