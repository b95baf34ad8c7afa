import { runtimeExecutor } from '../reconcile/runtime-executor.ts';
import type { ContainerStore } from '../runtime/container/container-store.ts';
import type { RemoveHow } from '../runtime/container/containers.ts';
import type { ContainerSpec, Identity } from '../state/container.ts';
import type { EngineParts } from './engine-parts.ts';
import { withReplicasMounts } from './hook-mounts.ts';
import type { ExecutorFor } from './stack-passes.ts';
import type { Supervisor } from './supervisor.ts';

/** The runtime, with starts, stops and ports as the supervisor has them. */
export function executorOf({ images, networks, volumes, containers, supervisor }: EngineParts): ExecutorFor {
  const runtime = {
    networks, volumes,
    containers: {
      create: (name: string, identity: Identity, spec: ContainerSpec) => containers.create(name, identity, withReplicasMounts(containers.list(), identity, spec)),
      start: (name: string) => supervisor.start(name),
      stop: (name: string, signal: string | null, graceMs: number, again: boolean) => supervisor.stop(name, signal, graceMs, again),
      signal: (name: string, signal: string) => supervisor.signal(name, signal),
      pause: (name: string, on: boolean) => (on ? supervisor.pause(name) : supervisor.unpause(name)),
      remove: (name: string, how?: RemoveHow) => supervisor.remove(name, how),
      update: (...args: Parameters<Supervisor['update']>) => supervisor.update(...args),
      rename: (name: string, to: string) => supervisor.rename(name, to),
      connect: (...args: Parameters<ContainerStore['connect']>) => containers.connect(...args),
      mend: (name: string) => containers.mend(name),
      disconnect: (...args: Parameters<ContainerStore['disconnect']>) => containers.disconnect(...args),
    },
    probe: (name: string) => { supervisor.probe(name); },
    publish: (...args: Parameters<Supervisor['publish']>) => supervisor.publish(...args),
    drain: (...args: Parameters<Supervisor['drain']>) => supervisor.drain(...args),
    waitFor: (...args: Parameters<Supervisor['waitFor']>) => supervisor.waitFor(...args),
  };
  return (credentials) => runtimeExecutor({ ...runtime, pull: async (image, signal, onProgress) => { await images.pull(image, { credentials, signal, onProgress }); } });
}
