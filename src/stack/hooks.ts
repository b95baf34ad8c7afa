import type { Hook, PreStart } from '../state/hook.ts';
import type { ServiceConfig } from './service-schema.ts';

type HookConfig = NonNullable<ServiceConfig['post_start']>[number];
type StartHookConfig = NonNullable<ServiceConfig['pre_start']>[number];

/** Hooks of a service. A variable without a value is left out, as in a service's own environment. */
export function hooksOf(hooks: ServiceConfig['post_start']): Hook[] {
  return (hooks ?? []).map(hookOf);
}

/** Hooks before a service's start, each with its image: the service's own where it names none. */
export function preStartOf({ image = '', pre_start: hooks = [] }: Pick<ServiceConfig, 'image' | 'pre_start'>): PreStart[] {
  return hooks.map((hook) => ({ ...hookOf(hook), image: hook.image === undefined || hook.image === '' ? image : hook.image, perReplica: hook.per_replica ?? false }));
}

function hookOf({ command, user = '', privileged = false, working_dir: workingDir = '', environment }: HookConfig | StartHookConfig): Hook {
  return {
    command: [...(command ?? [])], user, privileged, workingDir, environment: Object.entries(environment ?? {}).flatMap(([name, value]) => (value === null ? [] : [`${name}=${value}`])),
  };
}
