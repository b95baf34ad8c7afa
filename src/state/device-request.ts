import * as z from 'zod';

/** Devices by what they can do, or by name: Docker's DeviceRequest. `count` -1: all. `capabilities`: of one of the lists, all. */
export const DeviceRequest = z.strictObject({
  driver: z.string(),
  count: z.int().min(-1),
  ids: z.array(z.string()),
  capabilities: z.array(z.array(z.string())),
  options: z.record(z.string(), z.string()),
});
export type DeviceRequest = z.infer<typeof DeviceRequest>;

/** `VENDOR/CLASS=NAME` (Container Device Interface, "Kind" and "CDI Devices"). */
const CDI_NAME = /^[A-Za-z](?:[\w.-]*[A-Za-z0-9])?\/[A-Za-z](?:[\w.-]*[A-Za-z0-9])?=[A-Za-z0-9](?:[\w.:-]*[A-Za-z0-9])?$/;

export function isCdiName(text: string): boolean {
  return CDI_NAME.test(text);
}

/** The request for devices by their names in CDI; null: for none. */
export function cdiRequest(ids: readonly string[]): DeviceRequest | null {
  return ids.length === 0 ? null : { driver: 'cdi', count: 0, ids: [...ids], capabilities: [], options: {} };
}

/** Vendors' cards, with what Docker's drivers for them can do; the first one that has a device here is meant where no driver is named. */
const CARDS = [
  { driver: 'nvidia', kind: 'nvidia.com/gpu', can: ['gpu', 'nvidia', 'compute', 'compat32', 'graphics', 'utility', 'video', 'display'] },
  { driver: 'amd', kind: 'amd.com/gpu', can: ['gpu', 'amd'] },
] as const;

/** Kinds of CDI devices that a request may mean, the likeliest first. Empty: it names its devices itself, or means none that there are. */
export function kindsOf({ driver, capabilities }: DeviceRequest): readonly string[] {
  if (driver === 'cdi') return [];
  return CARDS.filter((card) => (driver === '' ? capabilities.some((all) => all.every((one) => card.can.some((can) => can === one))) : driver === card.driver)).map(({ kind }) => kind);
}

/** Why a request can be met on no machine, in Docker's words; null: it may be. */
export function deviceRequestProblem(request: DeviceRequest): string | null {
  const { driver, count, ids, capabilities, options } = request;
  if (count !== 0 && ids.length > 0) return 'cannot set both Count and DeviceIDs on device request';
  if (driver !== 'cdi') return kindsOf(request).length > 0 ? null : `could not select device driver "${driver}" with capabilities: [${capabilities.map((all) => `[${all.join(' ')}]`).join(' ')}]; "cdi", "nvidia" and "amd" are known, and the capability "gpu"`;
  if (count !== 0) return 'driver "cdi" counts no devices: name them, as "vendor.com/class=name"';
  if (Object.keys(options).length > 0) return 'driver "cdi" has no options';
  const wrong = ids.find((id) => !isCdiName(id));
  return wrong === undefined ? null : `"${wrong}": expected the name of a CDI device, as "vendor.com/class=name"`;
}

/** Names of the CDI devices that a request comes to. `kind`: the one of `kindsOf` that is meant. */
export function cdiNamesOf({ count, ids }: DeviceRequest, kind: string | null): readonly string[] {
  const names = ids.length > 0 ? ids : count < 0 ? ['all'] : Array.from({ length: count }, (_, index) => String(index));
  return kind === null ? names : names.map((name) => (name.includes('=') ? name : `${kind}=${name}`));
}
