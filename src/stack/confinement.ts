import { resolve } from 'node:path';
import { OWN_NAMESPACES, parseSecurityOptions, type Device, type Namespaces, type SecurityOptions } from '../state/confinement.ts';
import { serviceOf } from './normalize.ts';
import type { Project } from './project.ts';
import type { ServiceConfig } from './service-schema.ts';

/** By the absolute path of a profile's file, its text. */
export type SeccompProfiles = Readonly<Record<string, string>>;

/** The files that the services' `security_opt` name, relative to the working folder, as docker compose has it. */
export function seccompProfiles(services: Readonly<Record<string, ServiceConfig>>, workingDir: string, read: (path: string) => string | null): SeccompProfiles {
  const files = Object.values(services).flatMap((service) => (service.security_opt ?? []).flatMap((option) => seccompFile(option, workingDir) ?? []));
  return Object.fromEntries(files.flatMap((file) => {
    const text = read(file);
    return text === null ? [] : [[file, text]];
  }));
}

/** `security_opt` of a service, profiles' files replaced by what they hold. */
export function securityOf({ security_opt: options = [] }: ServiceConfig, workingDir: string, profiles: SeccompProfiles): SecurityOptions {
  const missing: string[] = [];
  const filled = options.map((option) => {
    const file = seccompFile(option, workingDir);
    if (file === null) return option;
    if (profiles[file] === undefined) missing.push(`security_opt "${option}": there is no file ${file}`);
    return `seccomp=${profiles[file] ?? 'unconfined'}`;
  });
  const found = parseSecurityOptions(filled);
  return { ...found, problems: [...found.problems, ...missing] };
}

function seccompFile(option: string, workingDir: string): string | null {
  const name = /^seccomp[=:](.+)$/.exec(option)?.[1];
  return name === undefined || ['unconfined', 'builtin'].includes(name) ? null : resolve(workingDir, name);
}

/** Namespaces of others: `service:x` is the first container of that service. */
export function namespacesOf(service: ServiceConfig, project: Pick<Project, 'name' | 'services'>): Namespaces {
  const mode = (text: string | null | undefined): string => {
    const shared = serviceOf(text);
    if (shared !== null) return `container:${project.services[shared]?.container_name ?? `${project.name}-${shared}-1`}`;
    return text ?? '';
  };
  const own = (text: string): string => (text === 'private' ? '' : text);
  return { ...OWN_NAMESPACES, pid: own(mode(service.pid)), ipc: mode(service.ipc), uts: own(mode(service.uts)), cgroup: service.cgroup ?? '', user: own(service.userns_mode ?? '') };
}

/** What of the modes is none that there is, by key. */
export function modeProblems(service: ServiceConfig): readonly (readonly [keyof ServiceConfig, string])[] {
  const wrong = (key: 'pid' | 'ipc' | 'uts' | 'userns_mode', expected: string, pattern: RegExp): readonly (readonly [keyof ServiceConfig, string])[] =>
    (pattern.test(service[key] ?? '') ? [] : [[key, `${key} "${service[key] ?? ''}": expected ${expected}`]]);
  return [
    ...wrong('pid', '"host", "service:NAME" or "container:NAME"', /^(|host|private|(service|container):.+)$/),
    ...wrong('ipc', '"shareable", "private", "host", "none", "service:NAME" or "container:NAME"', /^(|host|private|shareable|none|(service|container):.+)$/),
    ...wrong('uts', '"host"', /^(|host|private)$/),
    ...wrong('userns_mode', '"host"; others are not built yet', /^(|host)$/),
  ];
}

export function devicesOf({ devices = [] }: ServiceConfig): Device[] {
  return devices.map(({ source, target = source, permissions = 'rwm' }) => ({ source, target, permissions }));
}
