import type { Hook } from '../state/hook.ts';
import type { ServiceConfig } from './service-schema.ts';

/** Hooks of a service. A variable without a value is left out, as in a service's own environment. */
export function hooksOf(hooks: ServiceConfig['post_start']): Hook[] {
  return (hooks ?? []).map(({ command, user = '', privileged = false, working_dir: workingDir = '', environment }) => ({
    command: [...(command ?? [])], user, privileged, workingDir, environment: Object.entries(environment ?? {}).flatMap(([name, value]) => (value === null ? [] : [`${name}=${value}`])),
  }));
}
