import type { Attachment, Container, ContainerChanges } from '../state/container.ts';
import type { Step } from '../state/plan.ts';
import { stepId } from './step-id.ts';

/** What a person asks of one container. */
export type ContainerRequest =
  | { readonly action: 'start' | 'pause' | 'unpause' }
  /** `signal` null: the container's own stop signal. */
  | { readonly action: 'stop' | 'restart'; readonly signal: string | null; readonly graceMs: number }
  | { readonly action: 'signal'; readonly signal: string }
  /** `volumes`: its anonymous ones go too. `ended`: only one that does not run. */
  | { readonly action: 'remove'; readonly volumes: boolean; readonly ended: boolean }
  | { readonly action: 'update'; readonly changes: ContainerChanges }
  | { readonly action: 'rename'; readonly to: string }
  | { readonly action: 'connect'; readonly network: string; readonly attachment: Attachment }
  | { readonly action: 'disconnect'; readonly network: string };

const NOUNS: Readonly<Partial<Record<ContainerRequest['action'], string>>> = { remove: 'removal', rename: 'renaming', connect: 'connection', disconnect: 'disconnection' };

/** The steps of a request for one container, one after the other. A stop also of one that does not run: it is to stay down. */
export function requestedSteps(name: string, { spec, status }: Container, request: ContainerRequest): readonly Step[] {
  const why = `its ${NOUNS[request.action] ?? request.action} was asked for`;
  const args = { name };
  const withdraw = stepId('withdraw-ports', name);
  const stop = stepId('stop-container', name);
  const start = stepId('start-container', name);
  const withdrawal: readonly Step[] = status !== null && status.ports.length > 0 ? [{ id: withdraw, action: 'withdraw-ports', args, needs: [], why }] : [];
  const withdrawn = withdrawal.map(({ id }) => id);
  const stopping = ({ signal, graceMs }: { readonly signal: string | null; readonly graceMs: number }): readonly Step[] =>
    [...withdrawal, { id: stop, action: 'stop-container', args: { name, signal, graceMs }, needs: withdrawn, why }];
  /** One that is removed at its end has not ended then. */
  const pausing = (how: { readonly signal: string | null; readonly graceMs: number }): readonly Step[] =>
    stopping(how).map((step) => (step.action === 'stop-container' && spec.autoRemove ? { ...step, args: { ...step.args, again: true } } : step));
  /** Where its published ports lead may be another address by then. */
  const publishing = (need: string): readonly Step[] => (spec.ports.length > 0 ? [{ id: stepId('publish-ports', name), action: 'publish-ports', args, needs: [need], why }] : []);
  const starting = (needs: readonly string[]): readonly Step[] => [
    { id: start, action: 'start-container', args, needs, why },
    ...publishing(start),
  ];
  switch (request.action) {
    case 'start': return starting([]);
    case 'pause': return [{ id: stepId('pause-container', name), action: 'pause-container', args, needs: [], why }];
    case 'unpause': return [{ id: stepId('unpause-container', name), action: 'unpause-container', args, needs: [], why }];
    case 'stop': return stopping(request);
    case 'restart': return status?.phase === 'running' ? [...pausing(request), ...starting([stop])] : starting([]);
    case 'signal': return [{ id: stepId('signal-container', name), action: 'signal-container', args: { name, signal: request.signal }, needs: [], why }];
    case 'remove': return [...withdrawal, { id: stepId('remove-container', name), action: 'remove-container', args: { name, volumes: request.volumes, ended: request.ended }, needs: withdrawn, why }];
    case 'update': return [{ id: stepId('update-container', name), action: 'update-container', args: { name, changes: request.changes }, needs: [], why }];
    case 'rename': return [{ id: stepId('rename-container', name), action: 'rename-container', args: { name, to: request.to }, needs: [], why }];
    case 'connect': {
      const id = stepId('connect-network', `${name} ${request.network}`);
      return [{ id, action: 'connect-network', args: { name, network: request.network, attachment: request.attachment }, needs: [], why }, ...publishing(id)];
    }
    case 'disconnect': {
      const id = stepId('disconnect-network', `${name} ${request.network}`);
      return [{ id, action: 'disconnect-network', args: { name, network: request.network }, needs: [], why }, ...publishing(id)];
    }
  }
}
