import type { ContainerStore } from '../runtime/container/container-store.ts';
import { type OnHookOutput, runHook } from '../runtime/container/run-hook.ts';
import { BayplanError } from '../state/bayplan-error.ts';

/** Runs a container's hooks of one kind, one after the other. Rejects with the first that fails, or takes longer than `limitMs` (null: any time). */
export async function runHooks(containers: ContainerStore, name: string, kind: 'post_start' | 'pre_stop', limitMs: number | null, onOutput: OnHookOutput): Promise<void> {
  const spec = containers.get(name)?.spec;
  for (const hook of (kind === 'post_start' ? spec?.postStart : spec?.preStop) ?? []) await runHook((request) => containers.exec(name, request), `container ${name}: its ${kind} hook "${hook.command.join(' ')}"`, hook, limitMs, onOutput);
}

/** What to say of a hook's own container that has ended: the last line that it wrote tells why. */
export async function endOfHook(containers: ContainerStore, name: string): Promise<BayplanError> {
  const container = containers.get(name);
  const { service = '', stack = '' } = container?.identity ?? {};
  const [, index = ''] = /-pre_start-(\d+)$/.exec(name) ?? [];
  let output = '';
  for await (const { data } of containers.logs(name, { tail: 1, follow: false, signal: new AbortController().signal })) output += data.toString();
  const last = output.trimEnd().split('\n').at(-1) ?? '';
  const why = container?.status?.error ?? '';
  const how = why !== '' ? `could not be run: ${why}` : `ended with code ${container?.status?.exitCode ?? -1}${container?.status?.oomKilled === true ? ' (out of memory)' : ''}${last === '' ? '' : `: ${last}`}`;
  return new BayplanError('hook-failed', `service ${service}: pre_start[${index}] ${how} (container ${name} is kept to be looked at: bayplan -p ${stack} logs ${service})`);
}
