import { resolve } from 'node:path';
import { type ClockOffsets, parseSecurityOptions, type Device, type Namespaces, type SecurityOptions } from '../state/confinement.ts';
import { cdiRequest, isCdiName, type DeviceRequest } from '../state/device-request.ts';
import { parseDuration } from '../state/duration.ts';
import { firstContainerOf } from './network-mode.ts';
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
    if (shared !== null) return `container:${firstContainerOf(shared, project)}`;
    return text ?? '';
  };
  const own = (text: string): string => (text === 'private' ? '' : text);
  const { cgroup, time } = service['x-bayplan'] ?? {};
  return {
    pid: own(mode(service.pid)), ipc: mode(service.ipc), uts: own(mode(service.uts)), cgroup: mode(cgroup) || (service.cgroup ?? ''),
    user: mode(service.userns_mode).replace(/^private$/, 'auto'), time: mode(time?.namespace) || (time === undefined ? '' : 'private'),
  };
}

/** Services whose namespaces this one lives in. */
export function namespaceOwners(service: ServiceConfig): readonly string[] {
  const own = service['x-bayplan'];
  const modes = [service.network_mode, service.pid, service.ipc, service.uts, service.userns_mode, own?.cgroup, own?.time?.namespace];
  return [...new Set(modes.flatMap((mode) => serviceOf(mode) ?? []))];
}

/** How far a service's clocks go before the host's, or behind. */
export function clockOffsetsOf({ 'x-bayplan': own }: ServiceConfig): ClockOffsets {
  const ms = (text = '0'): number => Math.trunc(parseDuration(text) ?? 0);
  return { monotonicMs: ms(own?.time?.monotonic), boottimeMs: ms(own?.time?.boottime) };
}

/** What of the modes is none that there is, by key. */
export function modeProblems(service: ServiceConfig): readonly (readonly [keyof ServiceConfig, string])[] {
  const wrong = (key: 'pid' | 'ipc' | 'uts' | 'userns_mode', expected: string, pattern: RegExp): readonly (readonly [keyof ServiceConfig, string])[] =>
    (pattern.test(service[key] ?? '') ? [] : [[key, `${key} "${service[key] ?? ''}": expected ${expected}`]]);
  const own = service['x-bayplan'];
  const problem = (text: string | undefined, pattern: RegExp, what: string): readonly (readonly [keyof ServiceConfig, string])[] => (text === undefined || pattern.test(text) ? [] : [['x-bayplan', `x-bayplan: ${what}, got "${text}"`]]);
  return [
    ...wrong('pid', `"host", ${OTHERS}`, /^(|host|private|(service|container):.+|ns:\/.+)$/),
    ...wrong('ipc', `"shareable", "private", "host", "none", ${OTHERS}`, /^(|host|private|shareable|none|(service|container):.+|ns:\/.+)$/),
    ...wrong('uts', `"host", ${OTHERS}`, /^(|host|private|(service|container):.+|ns:\/.+)$/),
    ...wrong('userns_mode', `"host", "auto", "auto:size=NUMBER", ${OTHERS}`, /^(|host|private|auto(:size=[1-9]\d{0,9})?|(service|container):.+|ns:\/.+)$/),
    ...problem(own?.cgroup, /^(host|private|(service|container):.+|ns:\/.+)$/, `cgroup: expected "host", "private", ${OTHERS}`),
    ...problem(own?.time?.namespace, /^(private|(service|container):.+|ns:\/.+)$/, `time.namespace: expected "private", ${OTHERS}`),
    ...(['monotonic', 'boottime'] as const).flatMap((clock) => (parseDuration(own?.time?.[clock] ?? '0') === null ? [['x-bayplan', `x-bayplan: time.${clock}: expected a duration such as 36h or -5m, got "${own?.time?.[clock] ?? ''}"`] as const] : [])),
  ];
}

const OTHERS = '"service:NAME", "container:NAME" or "ns:PATH"';

/** What the service asks for by name or by what it can do, with the keys of the file that say so: CDI devices among `devices`, `gpus`, and reservations. */
export function deviceRequestsOf({ devices = [], gpus = [], deploy }: ServiceConfig): readonly { readonly path: readonly (string | number)[]; readonly request: DeviceRequest }[] {
  const named = cdiRequest(devices.filter(isCdiDevice).map(({ source }) => source));
  const requestOf = ({ driver = '', count = 0, device_ids: ids = [], capabilities = [], options = {} }: NonNullable<ServiceConfig['gpus']>[number], more: readonly string[]): DeviceRequest =>
    ({ driver, count, ids: [...ids], capabilities: [[...capabilities, ...more]], options: { ...options } });
  return [
    ...(deploy?.resources?.reservations?.devices ?? []).map((request, index) => ({ path: ['deploy', 'resources', 'reservations', 'devices', index], request: requestOf(request, []) })),
    ...(named === null ? [] : [{ path: ['devices'], request: named }]),
    ...gpus.map((request, index) => ({ path: ['gpus', index], request: requestOf(request, ['gpu']) })),
  ];
}

/** As docker compose tells them apart. */
function isCdiDevice({ source, target = source }: NonNullable<ServiceConfig['devices']>[number]): boolean {
  return source === target && isCdiName(source);
}

export function devicesOf({ devices = [] }: ServiceConfig): Device[] {
  return devices.filter((device) => !isCdiDevice(device)).map(({ source, target = source, permissions = 'rwm' }) => ({ source, target, permissions }));
}
