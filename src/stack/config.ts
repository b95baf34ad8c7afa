import { stringify } from 'yaml';
import type { Project } from './project.ts';

/**
 * The canonical model as `docker compose config --format json` prints it: long forms, full names, sorted keys, `$` as `$$` so that
 * it can be loaded again.
 */
export function configOf(project: Project): unknown {
  const services = Object.fromEntries(Object.entries(project.services).map(([name, service]) => [name, { command: null, entrypoint: null, ...service }]));
  const networks = Object.fromEntries(Object.entries(project.networks).map(([key, network]) => [key, { ...network, ipam: network.ipam ?? {} }]));
  const sections = { networks, volumes: project.volumes, secrets: project.secrets, configs: project.configs, models: project.models ?? {} };
  const used = Object.fromEntries(Object.entries(sections).filter(([, section]) => Object.keys(section).length > 0));
  return canonical({ name: project.name, services, ...used, ...project.extensions });
}

/** The same as YAML text. */
export function configYaml(project: Project): string {
  return stringify(configOf(project), { aliasDuplicateObjects: false, lineWidth: 0 });
}

function canonical(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('$', '$$$$');
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  // An empty list says nothing, save for a command, which it clears.
  const entries = Object.entries(value).filter(([key, each]) => each !== undefined && (!Array.isArray(each) || each.length > 0 || key === 'command' || key === 'entrypoint')).sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
  return Object.fromEntries(entries.map(([key, each]) => [key, canonical(each)]));
}
