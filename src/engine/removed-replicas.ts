import type { Identity } from '../state/container.ts';
import type { Desired } from '../state/state.ts';

/**
 * What is desired of a stack once a person has removed containers of it by themselves; `left` are those that are there still. A service whose last one it was is no longer asked for; else the replica's
 * place stays empty. `desired` itself where that changes nothing.
 */
export function withoutRemoved(desired: Desired, removed: readonly Identity[], left: readonly Identity[]): Desired {
  const own = removed.filter(({ owner, service }) => owner === 'stack' && desired.services[service] !== undefined);
  const gone = new Set(own.map(({ service }) => service).filter((service) => left.every((one) => one.service !== service)));
  const services = Object.fromEntries(Object.entries(desired.services).filter(([name]) => !gone.has(name)).map(([name, service]) => {
    const empty = own.filter((one) => one.service === name && one.slot <= service.replicas && left.every((other) => other.service !== name || other.slot !== one.slot)).map(({ slot }) => slot);
    const vacant = [...new Set([...service.vacant ?? [], ...empty])].sort((a, b) => a - b);
    return [name, vacant.length === (service.vacant ?? []).length ? service : { ...service, vacant }];
  }));
  if (gone.size === 0 && Object.entries(services).every(([name, service]) => service === desired.services[name])) return desired;
  return { ...desired, services, inactive: [...new Set([...desired.inactive, ...gone])].sort() };
}
