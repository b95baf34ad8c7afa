import type { ContainerStore } from '../runtime/container/container-store.ts';

/** Tells of each stack one of whose containers has turned healthy or unhealthy: that is what a look at it would find. */
export function onHealthChange(containers: Pick<ContainerStore, 'get' | 'onEvent'>, changed: (stack: string) => void): void {
  const known = new Map<string, string>();
  containers.onEvent((event, name) => {
    if (event === 'removed') known.delete(name);
    const container = containers.get(name);
    if (event !== 'noted' || container?.identity.owner !== 'stack') return;
    const health = container.status?.health ?? '';
    if (known.get(name) === health || (health !== 'healthy' && health !== 'unhealthy')) return;
    known.set(name, health);
    changed(container.identity.stack);
  });
}
