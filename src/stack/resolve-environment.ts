import { parseEnvFile } from './dotenv.ts';
import type { Mistakes } from './mistake.ts';
import { readOr } from './read-or.ts';
import type { ServiceConfig } from './service-schema.ts';
import type { Lookup } from './template.ts';
import { placeOf } from './tree.ts';
import type { Tree } from './tree.ts';

/**
 * The environment of a service: its env files in order, `environment` over them, names without a value from the user's
 * environment (null where that has none: the variable is absent in the container).
 */
export function resolveEnvironment(name: string, service: ServiceConfig, tree: Tree, lookup: Lookup, read: (path: string) => string | null, mistakes: Mistakes): ServiceConfig {
  const { env_file: envFiles, ...rest } = service;
  const declared = service.environment ?? {};
  // In an env file the user's environment beats the file's, and `environment` stands for what is not set there.
  const inFile = (variable: string): string | undefined => lookup(variable) ?? (Object.hasOwn(declared, variable) ? declared[variable] : undefined) ?? undefined;
  const environment: Record<string, string | null> = {};
  envFiles?.forEach((file, index) => {
    const place = placeOf(tree, ['services', name, 'env_file', index]);
    const text = readOr('', read, file.path, (message) => { mistakes.add(place, `services.${name}.env_file: ${message}`); });
    if (text !== null && file.format !== undefined && file.format !== '' && file.format !== 'raw') {
      mistakes.add(place, `services.${name}.env_file: expected "raw" or no format, got ${JSON.stringify(file.format)}`);
    } else if (text !== null) {
      const earlier = (variable: string): string | undefined => (Object.hasOwn(environment, variable) ? environment[variable] : undefined) ?? undefined;
      for (const [key, value] of parseEnvFile(file.path, text, inFile, mistakes, { format: file.format === 'raw' ? 'raw' : 'compose', earlier })) environment[key] = value;
    } else if (file.required !== false) {
      mistakes.add(place, `services.${name}.env_file: file ${file.path} does not exist; create it, or say "required: false"`);
    }
  });
  for (const [key, value] of Object.entries(declared)) environment[key] = value ?? lookup(key) ?? null;
  return { ...rest, ...(Object.keys(environment).length > 0 ? { environment } : {}) };
}

/** The labels of a service: its label files in order, `labels` over them. */
export function resolveLabels(name: string, service: ServiceConfig, tree: Tree, read: (path: string) => string | null, mistakes: Mistakes): ServiceConfig {
  const { label_file: files, ...rest } = service;
  if (files === undefined) return service;
  const labels: Record<string, string> = {};
  files.forEach((file, index) => {
    const place = placeOf(tree, ['services', name, 'label_file', index]);
    const text = readOr('', read, file, (message) => { mistakes.add(place, `services.${name}.label_file: ${message}`); });
    if (text === null) mistakes.add(place, `services.${name}.label_file: file ${file} does not exist`);
    else for (const [key, value] of parseEnvFile(file, text, (variable) => (Object.hasOwn(labels, variable) ? labels[variable] : undefined), mistakes)) labels[key] = value;
  });
  Object.assign(labels, service.labels);
  return { ...rest, ...(Object.keys(labels).length > 0 ? { labels } : {}) };
}
