import { external, labels, looseExternal, namePattern, nothingOr, options, unrepeatedLabels } from './short-forms.ts';
import { noService } from './hints.ts';
import { converted, dictOf, listOf, record, text, flag, wholeInteger } from './shape.ts';
import type { Read, Shape } from './shape.ts';
import { serviceSchema } from './service-schema.ts';
import { describe } from './tree.ts';

interface MayBeExternal { readonly name?: string; readonly external?: boolean | { readonly name?: string } }

interface Settled { readonly name?: string; readonly external?: boolean }

/** `external: { name: x }` is the old form of `name: x`, `external: true`; `alone`: beside it no other key makes sense. */
function settled<T extends MayBeExternal>(shape: Shape<T>, { alone }: { readonly alone: boolean }): Shape<Omit<T, 'external'> & Settled> {
  return converted(shape, (value, tree, reading, where) => {
    const { external: given, ...rest } = value;
    // The cast: `rest` is T without `external`, which the compiler cannot follow through a type parameter.
    const other = rest as Omit<T, 'external'> & Settled;
    if (given === undefined || given === false) return other;
    const name = typeof given === 'object' ? given.name : undefined;
    if (name !== undefined && value.name !== undefined && name !== value.name) reading.mistakes.add(tree.at, `${where}: expected one name, got "name" and "external.name"; keep "name"`);
    const extra = Object.keys(rest).filter((key) => key !== 'name' && !key.startsWith('x-'));
    if (alone && extra.length > 0) reading.mistakes.add(tree.at, `${where}: expected only "name" beside "external", got "${extra.join('", "')}"; what is there already is not described again`);
    return { ...other, ...(name === undefined ? {} : { name: value.name ?? name }), external: true };
  });
}

/** That a config or secret says where its bytes come from, once. */
function withOneSource<T extends Settled>(sources: readonly string[], shape: Shape<T>): Shape<T> {
  return converted(shape, (value, tree, reading, where) => {
    const said = sources.filter((key) => Object.hasOwn(value, key));
    const expected = `expected one of "${sources.join('", "')}"`;
    if (said.length > 1) reading.mistakes.add(tree.at, `${where}: ${expected}, got "${said.join('" and "')}"; keep one`);
    const elsewhere = tree.kind === 'dict' && (tree.entries.has('external') || tree.entries.has('driver'));
    if (said.length === 0 && !elsewhere) reading.mistakes.add(tree.at, `${where}: ${expected} or "external", got none; say where it comes from`);
    return value;
  });
}

const network = settled(record('a network', {}, {
  name: text, driver: text, driver_opts: options, internal: flag, external, enable_ipv4: flag, enable_ipv6: flag, attachable: flag, labels,
  ipam: record('ipam', {}, {
    driver: text, options: dictOf(text, /./s),
    config: listOf(record('an address pool', {}, { subnet: text, ip_range: text, gateway: text, aux_addresses: dictOf(text, /./s) })),
  }),
}), { alone: false });

const volume = converted(settled(record('a volume', {}, { name: text, driver: text, driver_opts: options, external, labels: unrepeatedLabels }), { alone: true }), (value, _tree, reading) => {
  const { device, o } = value.driver_opts ?? {};
  const bound = device !== undefined && o === 'bind' && value.driver === 'local';
  return bound ? { ...value, driver_opts: { ...value.driver_opts, device: reading.resolve(device) } } : value;
});

const filePath: Shape<string> = converted(text, (value, _tree, reading) => reading.resolve(value));
const secret = withOneSource(['file', 'environment'], settled(record('a secret', {}, { name: text, environment: text, file: filePath, external: looseExternal, labels: unrepeatedLabels, driver: text, driver_opts: options, template_driver: text }), { alone: false }));
const config = withOneSource(['file', 'environment', 'content'], settled(record('a config', {}, { name: text, content: text, environment: text, file: filePath, external: looseExternal, labels: unrepeatedLabels, template_driver: text }), { alone: false }));
const model = record('a model', { model: text }, { name: text, context_size: wholeInteger, runtime_flags: listOf(text), 'x-bayplan': record('x-bayplan', {}, { endpoint: text }) });

/** Means nothing any more. */
const version: Shape<string> = {
  expected: 'a string',
  read: (tree, reading, where) => {
    if (tree.kind === 'leaf' && typeof tree.value === 'string') return tree.value;
    reading.mistakes.add(tree.at, `${where}: expected a string, got ${describe(tree)}; take the line out, it means nothing any more`);
    return undefined;
  },
};

/** Services by name; what stands there though it is none is named as such, and left out. */
const servicesShape: Shape<Readonly<Record<string, Read<typeof serviceSchema>>>> = {
  expected: 'a mapping',
  read: (tree, reading, where) => {
    if (tree.kind !== 'dict') return services.read(tree, reading, where);
    const entries = new Map(tree.entries);
    for (const [key, entry] of tree.entries) {
      const why = noService(key, entry.value);
      if (why === null) continue;
      reading.mistakes.add(entry.key, `${where}: ${why}`);
      entries.delete(key);
    }
    return services.read({ ...tree, entries }, reading, where);
  },
};
const services = dictOf(serviceSchema, namePattern);

/** A whole stack file after merging (Compose Specification 04-version-and-name to 09-secrets). */
export const stackSchema = record('a stack file', {}, {
  version, name: text, services: servicesShape, networks: dictOf(nothingOr(network)), volumes: dictOf(nothingOr(volume), namePattern), secrets: dictOf(secret, namePattern),
  configs: dictOf(config, namePattern), models: dictOf(model),
});

export type StackConfig = Read<typeof stackSchema>;
export type NetworkConfig = Read<typeof network>;
export type VolumeResourceConfig = Read<typeof volume>;
export type SecretResource = Read<typeof secret>;
export type ConfigResource = Read<typeof config>;
