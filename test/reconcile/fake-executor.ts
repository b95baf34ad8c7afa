import type { Executor } from '../../src/reconcile/executor.ts';
import type { Step } from '../../src/state/plan.ts';

/** An executor whose every action is `act`, given the id that the step would have. */
export function executorOf(act: (id: string, signal: AbortSignal) => Promise<void>): Executor {
  const named = (action: string) => ({ name }: { name: string }, signal: AbortSignal): Promise<void> => act(`${action} ${name}`, signal);
  return {
    'pull-image': ({ image }, signal) => act(`pull-image ${image}`, signal),
    'create-network': named('create-network'), 'label-network': named('label-network'), 'remove-network': named('remove-network'),
    'create-volume': named('create-volume'), 'label-volume': named('label-volume'), 'remove-volume': named('remove-volume'),
    'create-container': named('create-container'), 'start-container': named('start-container'),
    'stop-container': named('stop-container'), 'remove-container': named('remove-container'),
    'signal-container': named('signal-container'), 'pause-container': named('pause-container'), 'unpause-container': named('unpause-container'),
    'update-container': named('update-container'), 'probe-container': named('probe-container'), 'rename-container': named('rename-container'), 'connect-network': named('connect-network'), 'disconnect-network': named('disconnect-network'),
    'repair-container': named('repair-container'), 'repair-network': named('repair-network'), 'repair-rules': (_args, signal) => act('repair-rules', signal),
    'publish-ports': named('publish-ports'), 'withdraw-ports': named('withdraw-ports'),
    'drain-container': named('drain-container'), 'wait-time': ({ ms }, signal) => act(`wait-time ${ms}`, signal),
    'wait-container': ({ name, until }, signal) => act(`wait-container ${name} ${until}`, signal),
  };
}

export function start(name: string, ...needs: readonly string[]): Step {
  return { id: `start-container ${name}`, action: 'start-container', args: { name }, needs: needs.map((need) => (need.includes(' ') ? need : `start-container ${need}`)), why: 'a test' };
}

export function wait(name: string, ...needs: readonly string[]): Step {
  return { id: `wait-container ${name} healthy`, action: 'wait-container', args: { name, until: 'healthy' }, needs: needs.map((need) => `start-container ${need}`), why: 'a test' };
}
