import { address, addressRange, external, labels, namePattern, nothingOr, options } from './short-forms.ts';
import { anything, converted, dictOf, flag, integer, listOf, oneOrMore, record, text } from './shape.ts';
import type { Read, Shape } from './shape.ts';
import { serviceSchema } from './service-schema.ts';

interface MayBeExternal { readonly name?: string; readonly external?: boolean | { readonly name?: string } }

/** What describes a resource that is made here, and not one that is there already. */
const onlyOwn = ['driver', 'driver_opts', 'labels', 'file', 'environment', 'content'];

interface Settled { readonly name?: string; readonly external?: boolean }

/** `external: { name: x }` is the old form of `name: x`, `external: true`; beside `external` no other key makes sense. */
function settled<T extends MayBeExternal>(shape: Shape<T>): Shape<Omit<T, 'external'> & Settled> {
  return converted(shape, (value, tree, reading, where) => {
    const { external: given, ...rest } = value;
    // The cast: `rest` is T without `external`, which the compiler cannot follow through a type parameter.
    const other = rest as Omit<T, 'external'> & Settled;
    if (given === undefined || given === false) return other;
    if (typeof given === 'object' && given.name !== undefined && value.name !== undefined) {
      reading.mistakes.add(tree.at, `${where}: expected one name, got "name" and "external.name"; keep "name"`);
    }
    const extra = Object.keys(rest).filter((key) => onlyOwn.includes(key));
    if (extra.length > 0) reading.mistakes.add(tree.at, `${where}: expected only "name" beside "external", got "${extra.join('", "')}"`);
    return { ...other, ...(typeof given === 'object' && given.name !== undefined ? { name: given.name } : {}), external: true };
  });
}

/** That a config or secret says where its bytes come from, once. */
function withOneSource<T extends Settled>(sources: readonly string[], shape: Shape<T>): Shape<T> {
  return converted(shape, (value, tree, reading, where) => {
    const said = sources.filter((key) => Object.hasOwn(value, key));
    const expected = `expected one of "${sources.join('", "')}"`;
    if (said.length > 1) reading.mistakes.add(tree.at, `${where}: ${expected}, got "${said.join('" and "')}"`);
    if (said.length === 0 && value.external !== true) reading.mistakes.add(tree.at, `${where}: ${expected} or "external", got none`);
    return value;
  });
}

const network = settled(record('a network', {}, {
  name: text, driver: text, driver_opts: options, internal: flag, external, enable_ipv4: flag, enable_ipv6: flag, attachable: flag, labels,
  ipam: record('ipam', {}, {
    driver: text, options: dictOf(text),
    config: listOf(record('an address pool', {}, { subnet: addressRange, ip_range: addressRange, gateway: address, aux_addresses: dictOf(text) })),
  }),
}));

const volume = converted(settled(record('a volume', {}, { name: text, driver: text, driver_opts: options, external, labels })), (value, _tree, reading) => {
  const { device, o } = value.driver_opts ?? {};
  const bound = device !== undefined && o?.split(',').includes('bind') === true;
  return bound ? { ...value, driver_opts: { ...value.driver_opts, device: reading.resolve(device) } } : value;
});

const filePath: Shape<string> = converted(text, (value, _tree, reading) => reading.resolve(value));
const secret = withOneSource(['file', 'environment', 'driver'], settled(record('a secret', {}, { name: text, environment: text, file: filePath, external, labels, driver: text, driver_opts: options, template_driver: text })));
const config = withOneSource(['file', 'environment', 'content'], settled(record('a config', {}, { name: text, content: text, environment: text, file: filePath, external, labels, template_driver: text })));
const model = record('a model', { model: text }, { name: text, context_size: integer, runtime_flags: listOf(text) });
const included = oneOrMore(text);

/** Empty resources are written `data:` with nothing behind. */
function named<T>(shape: Shape<T>): Shape<Readonly<Record<string, T | null>>> {
  return dictOf(nothingOr(shape), namePattern);
}

/** A whole stack file after merging (Compose Specification 04-version-and-name to 09-secrets). */
export const stackSchema = record('a stack file', {}, {
  version: anything, name: text, services: dictOf(serviceSchema, namePattern), networks: named(network), volumes: named(volume), secrets: dictOf(secret, namePattern),
  configs: dictOf(config, namePattern), models: named(model), include: included,
});

export type StackConfig = Read<typeof stackSchema>;
export type NetworkConfig = Read<typeof network>;
export type VolumeResourceConfig = Read<typeof volume>;
export type SecretResource = Read<typeof secret>;
export type ConfigResource = Read<typeof config>;
