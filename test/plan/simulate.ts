import type { Step } from '../../src/state/plan.ts';
import type { State } from '../../src/state/state.ts';
import { status } from './states.ts';

/** A model of the machine: what a step makes of a State. Containers become healthy, and one-shots (`restart: no`, command `once`) end with 0. */
export function simulate(before: State, step: Step): State {
  const state = structuredClone(before);
  const find = (name: string): State['containers'][string] & { status: NonNullable<State['containers'][string]['status']> } => {
    const container = state.containers[name];
    if (container?.status === undefined || container.status === null) throw new Error(`${step.id}: there is no container ${name}`);
    return container as never;
  };
  switch (step.action) {
    case 'pull-image': throw new Error(`${step.id}: the model has no registry`);
    case 'create-network':
      state.networks[step.args.name] = { stack: step.args.stack, spec: step.args.network, status: { id: '', link: '', pools: [], createdAt: 1, present: true } };
      break;
    case 'remove-network':
      for (const [name, container] of Object.entries(state.containers)) {
        if (container.spec.networks[step.args.name] !== undefined) throw new Error(`${step.id}: ${name} is attached`);
      }
      Reflect.deleteProperty(state.networks, step.args.name);
      break;
    case 'repair-container': case 'repair-network': case 'repair-rules': break; // what it shows of drift is looked at anew
    case 'create-volume': state.volumes[step.args.name] = { stack: step.args.stack, spec: step.args.volume, status: { mountpoint: '', createdAt: 1 } }; break;
    case 'label-network': Object.assign(state.networks[step.args.name]?.spec ?? {}, { labels: step.args.labels }); break;
    case 'label-volume': Object.assign(state.volumes[step.args.name]?.spec ?? {}, { labels: step.args.labels }); break;
    case 'remove-volume': Reflect.deleteProperty(state.volumes, step.args.name); break;
    case 'create-container':
      if (state.containers[step.args.name] !== undefined) throw new Error(`${step.id}: the name is in use`);
      for (const network of Object.keys(step.args.spec.networks)) if (state.networks[network] === undefined) throw new Error(`${step.id}: no network ${network}`);
      state.containers[step.args.name] = { identity: step.args.identity, spec: step.args.spec, status: status() };
      break;
    case 'start-container': {
      const container = find(step.args.name);
      const once = container.spec.command?.[0] === 'once';
      Object.assign(container.status, { phase: once ? 'exited' : 'running', startedAt: 2, held: false, health: container.spec.healthcheck === null || once ? 'none' : 'healthy' });
      break;
    }
    case 'stop-container': Object.assign(find(step.args.name).status, { phase: 'exited', exitCode: 0, held: true, ports: [] }); break;
    case 'signal-container': break;
    case 'pause-container':
      if (find(step.args.name).status.paused) throw new Error(`${step.id}: it is paused`);
      find(step.args.name).status.paused = true;
      break;
    case 'unpause-container': find(step.args.name).status.paused = false; break;
    case 'remove-container':
      if (find(step.args.name).status.phase === 'running') throw new Error(`${step.id}: it runs`);
      Reflect.deleteProperty(state.containers, step.args.name);
      break;
    case 'update-container': {
      const container = find(step.args.name);
      Object.assign(container.spec, step.args.changes);
      if (container.status.phase === 'running') container.status.health = container.spec.healthcheck === null ? 'none' : 'healthy';
      break;
    }
    case 'probe-container': find(step.args.name).status.health = 'healthy'; break;
    case 'rename-container':
      if (state.containers[step.args.to] !== undefined) throw new Error(`${step.id}: the name is in use`);
      state.containers[step.args.to] = find(step.args.name);
      Reflect.deleteProperty(state.containers, step.args.name);
      break;
    case 'connect-network':
      if (state.networks[step.args.network] === undefined) throw new Error(`${step.id}: no network ${step.args.network}`);
      find(step.args.name).spec.networks[step.args.network] = step.args.attachment;
      break;
    case 'disconnect-network': Reflect.deleteProperty(find(step.args.name).spec.networks, step.args.network); break;
    case 'publish-ports': {
      const container = find(step.args.name);
      if (container.status.phase !== 'running') throw new Error(`${step.id}: it does not run`);
      container.status.ports = container.spec.ports.map((port) => ({ ...port, published: port.published ?? 50_000 }));
      break;
    }
    case 'withdraw-ports': find(step.args.name).status.ports = []; break;
    case 'drain-container':
      if (find(step.args.name).status.ports.length > 0) throw new Error(`${step.id}: its ports lead to it`);
      break;
    case 'wait-time': break;
    case 'wait-container': {
      const { phase, health, exitCode } = find(step.args.name).status;
      const reached = { started: phase === 'running', healthy: health === 'healthy', completed: phase === 'exited' && exitCode === 0, ready: phase === 'running' && health !== 'unhealthy', serving: phase === 'running' && health !== 'unhealthy' }[step.args.until];
      if (!reached) throw new Error(`${step.id}: it never is`);
    }
  }
  return state;
}
