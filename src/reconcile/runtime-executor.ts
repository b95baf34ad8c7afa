import { setTimeout } from 'node:timers/promises';
import type { Containers } from '../runtime/container/containers.ts';
import type { Networks } from '../runtime/network/networks.ts';
import type { Volumes } from '../runtime/volume/volumes.ts';
import type { PartProgress } from '../state/messages.ts';
import type { ArgsOf } from '../state/plan.ts';
import type { Executor } from './executor.ts';

/** What the executor drives: the runtime, with starts, stops and ports as the engine supervises them. */
export interface Runtime {
  readonly pull: (image: string, signal: AbortSignal, onProgress: (progress: PartProgress) => void) => Promise<void>;
  readonly networks: Pick<Networks, 'create' | 'label' | 'remove' | 'repair' | 'mendNetwork'>;
  readonly volumes: Pick<Volumes, 'create' | 'label' | 'remove'>;
  readonly containers: Pick<Containers, 'create' | 'start' | 'signal' | 'remove' | 'pause' | 'update' | 'rename' | 'connect' | 'disconnect' | 'mend'> & {
    /** `again`: it is to be started again. */
    readonly stop: (name: string, signal: string | null, graceMs: number, again: boolean) => Promise<void>;
  };
  readonly probe: (name: string) => void;
  readonly publish: (name: string, on: boolean) => Promise<void>;
  readonly drain: (name: string, atMostMs: number, signal: AbortSignal) => Promise<void>;
  /** `steadyMs`: it has to stay so for as long; `beside`: others that have to be so then. */
  readonly waitFor: (name: string, until: ArgsOf<'wait-container'>['until'], signal: AbortSignal, also?: Pick<ArgsOf<'wait-container'>, 'steadyMs' | 'beside'>) => Promise<void>;
}

/** Each action's one call into the runtime. */
export function runtimeExecutor({ pull, networks, volumes, containers, probe, publish, drain, waitFor }: Runtime): Executor {
  return {
    'pull-image': ({ image }, signal, onProgress) => pull(image, signal, onProgress),
    'create-network': ({ name, stack, network }) => networks.create(name, stack, network),
    'remove-network': ({ name }) => networks.remove(name),
    'label-network': ({ name, labels }) => networks.label(name, labels),
    'create-volume': ({ name, stack, volume }) => volumes.create(name, stack, volume),
    'label-volume': ({ name, labels }) => volumes.label(name, labels),
    'remove-volume': ({ name }) => volumes.remove(name),
    'create-container': ({ name, identity, spec }) => containers.create(name, identity, spec),
    'start-container': ({ name }) => containers.start(name),
    'stop-container': ({ name, signal, graceMs, again }) => containers.stop(name, signal, graceMs, again === true),
    'signal-container': ({ name, signal }) => containers.signal(name, signal),
    'pause-container': ({ name }) => containers.pause(name, true),
    'unpause-container': ({ name }) => containers.pause(name, false),
    'remove-container': ({ name, volumes, ended }) => containers.remove(name, { volumes: volumes === true, ended: ended === true }),
    'update-container': ({ name, changes }) => containers.update(name, changes),
    'probe-container': ({ name }) => Promise.resolve(probe(name)),
    'rename-container': ({ name, to }) => containers.rename(name, to),
    'connect-network': ({ name, network, attachment, made }) => containers.connect(name, network, attachment, made),
    'disconnect-network': ({ name, network }) => containers.disconnect(name, network),
    'repair-container': ({ name }) => containers.mend(name),
    'repair-network': ({ name }) => networks.mendNetwork(name),
    'repair-rules': () => Promise.resolve(networks.repair()),
    'publish-ports': ({ name }) => publish(name, true),
    'withdraw-ports': ({ name }) => publish(name, false),
    'drain-container': ({ name, atMostMs }, signal) => drain(name, atMostMs, signal),
    'wait-container': ({ name, until, ...also }, signal) => waitFor(name, until, signal, also),
    'wait-time': ({ ms }, signal) => setTimeout(ms, undefined, { signal }),
  };
}
