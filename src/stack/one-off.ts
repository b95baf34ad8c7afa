import { BayplanError } from '../state/bayplan-error.ts';
import type { Desired } from '../state/state.ts';
import { splitCommandLine } from './command-line.ts';
import { parsePortSpec } from './port-spec.ts';
import type { PortConfig } from './port-spec.ts';
import type { Project } from './project.ts';
import { isPath, parseVolumeSpec } from './volume-spec.ts';
import type { VolumeConfig } from './volume-spec.ts';

/** In what a one-off container of a service differs from the service's own. */
export interface OneOff {
  /** Empty: as the service has it. */
  readonly command: readonly string[];
  /** As one writes it for a shell; null: as the service has it. */
  readonly entrypoint: string | null;
  readonly environment: Readonly<Record<string, string>>;
  /** '' as the service has them. */
  readonly user: string;
  readonly workingDir: string;
  /** Short forms; relative sources are resolved against `cwd`. */
  readonly volumes: readonly string[];
  readonly publish: readonly string[];
  readonly cwd: string;
  /** The service's own ports are published too. */
  readonly servicePorts: boolean;
  /** The service's name and aliases lead to it too. */
  readonly aliases: boolean;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly remove: boolean;
  /** Beside the service's own. */
  readonly labels: Readonly<Record<string, string>>;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
}

/** The project with that one service alone, changed as the one-off asks. Throws `bad-request` for a short form that is none. */
export function oneOffProject(project: Project, service: string, oneOff: OneOff, resolve: (folder: string, path: string) => string): Project {
  const { deploy, ...config } = project.services[service] ?? {};
  const { restart_policy: _policy, ...otherDeploy } = deploy ?? {};
  const entrypoint = oneOff.entrypoint === null ? config.entrypoint : splitCommandLine(oneOff.entrypoint);
  if (entrypoint === null && oneOff.entrypoint !== null) throw new BayplanError('bad-request', `--entrypoint ${oneOff.entrypoint}: a quote is not closed`);
  const command = oneOff.command.length > 0 ? [...oneOff.command] : oneOff.entrypoint === null ? config.command : [];
  const changed = {
    ...config, restart: 'no', tty: oneOff.tty, stdin_open: oneOff.stdin,
    ...(deploy === undefined ? {} : { deploy: otherDeploy }), ...(command === undefined ? {} : { command }), ...(entrypoint === undefined ? {} : { entrypoint }),
    environment: { ...config.environment, ...oneOff.environment },
    ...(oneOff.user === '' ? {} : { user: oneOff.user }), ...(oneOff.workingDir === '' ? {} : { working_dir: oneOff.workingDir }),
    volumes: [...(config.volumes ?? []), ...oneOff.volumes.map((text) => volumeOf(text, oneOff.cwd, resolve))],
    ports: [...(oneOff.servicePorts ? config.ports ?? [] : []), ...oneOff.publish.flatMap(portsOf)],
  };
  return { ...project, services: { [service]: changed } };
}

/** What is desired of `oneOffProject`, with the service's container as one of its own, which is made and not started. */
export function desiredOneOff(desired: Desired, service: string, name: string, oneOff: OneOff): Desired {
  const template = desired.services[service]?.template;
  if (template === undefined) throw new BayplanError('no-service', `no service "${service}"`);
  const networks = oneOff.aliases ? template.networks : Object.fromEntries(Object.entries(template.networks).map(([network, attachment]) => [network, { ...attachment, aliases: [], ipv4Address: null, ipv6Address: null }]));
  const spec = {
    ...template, networks, stdinOnce: oneOff.stdin, autoRemove: oneOff.remove,
    capAdd: [...template.capAdd, ...oneOff.capAdd], capDrop: [...template.capDrop, ...oneOff.capDrop],
    labels: { ...template.labels, ...oneOff.labels, 'com.docker.compose.oneoff': 'True', 'com.docker.compose.container-number': '1' },
  };
  const identity = { owner: 'oneoff' as const, stack: desired.stack, service, slot: 0, generation: 1 };
  return { ...desired, services: {}, inactive: [service, ...desired.inactive], containers: { [name]: { identity, spec, status: null } }, unstarted: [name] };
}

function volumeOf(text: string, cwd: string, resolve: (folder: string, path: string) => string): VolumeConfig {
  const volume = parseVolumeSpec(text);
  if (typeof volume === 'string') throw new BayplanError('bad-request', `-v ${text}: ${volume}`);
  return volume.source !== undefined && isPath(volume.source) ? { ...volume, source: resolve(cwd, volume.source) } : volume;
}

function portsOf(text: string): readonly PortConfig[] {
  const ports = parsePortSpec(text);
  if (typeof ports === 'string') throw new BayplanError('bad-request', `-p ${text}: ${ports}`);
  return ports;
}
