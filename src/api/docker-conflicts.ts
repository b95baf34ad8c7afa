import { isIP } from 'node:net';
import { BayplanError } from '../state/bayplan-error.ts';
import type { DockerConfig, UpdatedRestart } from './docker-config.ts';

const POLICIES = ['no', 'always', 'on-failure', 'unless-stopped'];
const LEAST_CHECK_NS = 1e6;

/** What a container cannot be asked for together, and values that mean nothing, in Docker's words. Throws BayplanError `bad-request`. */
export function checkConflicts(config: DockerConfig): void {
  const wrong = networkConflict(config) ?? utsConflict(config) ?? healthMistake(config) ?? isolationMistake(config) ?? driverMistake(config) ?? logMistake(config) ?? valueMistake(config);
  if (wrong !== null) throw new BayplanError('bad-request', wrong);
  checkRestart(config.HostConfig?.RestartPolicy);
}

/** Also of an update. Throws BayplanError `bad-request`. */
export function checkRestart(policy: UpdatedRestart): void {
  const [name, count] = [policy?.Name || 'no', policy?.MaximumRetryCount ?? 0];
  const wrong = !POLICIES.includes(name) ? `unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`
    : count !== 0 && name !== 'on-failure' ? 'maximum retry count can only be used with \'on-failure\''
    : count < 0 ? 'maximum retry count cannot be negative' : null;
  if (wrong !== null) throw new BayplanError('bad-request', `invalid restart policy: ${wrong}`);
}

/** Whose network is another's has what that one has. */
function networkConflict({ Hostname, ExposedPorts, HostConfig }: DockerConfig): string | null {
  const { NetworkMode: mode = '', Links, Dns, ExtraHosts, PortBindings, PublishAllPorts } = HostConfig ?? {};
  const kind = mode === 'host' ? 'host type networking' : mode?.startsWith('container:') === true ? 'container type network' : null;
  if (kind === null) return null;
  const linked = (Links ?? []).length > 0 ? `conflicting options: ${kind} can't be used with links. This would result in undefined behavior` : null;
  if (mode === 'host') return linked;
  const conflicts: readonly (readonly [boolean, string])[] = [
    [(Hostname ?? '') !== '', 'hostname and the network mode'], [(Dns ?? []).length > 0, 'dns and the network mode'], [(ExtraHosts ?? []).length > 0, 'custom host-to-IP mapping and the network mode'],
    [Object.keys(PortBindings ?? {}).length > 0 || PublishAllPorts === true, 'port publishing and the container type network mode'],
    [Object.keys(ExposedPorts ?? {}).length > 0, 'port exposing and the container type network mode'],
  ];
  const found = conflicts.find(([there]) => there);
  return linked ?? (found === undefined ? null : `conflicting options: ${found[1]}`);
}

function utsConflict({ Hostname, Domainname, HostConfig }: DockerConfig): string | null {
  if (HostConfig?.UTSMode !== 'host') return null;
  if (Hostname) return 'conflicting options: hostname and the UTS mode';
  return Domainname ? 'conflicting options: domainname and the UTS mode' : null;
}

function healthMistake({ Healthcheck: check }: DockerConfig): string | null {
  for (const field of ['Interval', 'Timeout', 'StartPeriod', 'StartInterval'] as const) {
    const ns = check?.[field] ?? 0;
    if (ns !== 0 && ns < LEAST_CHECK_NS) return `${field} in Healthcheck cannot be less than 1ms`;
  }
  return (check?.Retries ?? 0) < 0 ? 'Retries in Healthcheck cannot be negative' : null;
}

function isolationMistake({ HostConfig }: DockerConfig): string | null {
  const isolation = HostConfig?.Isolation ?? '';
  return ['', 'default'].includes(isolation.toLowerCase()) ? null : `invalid isolation (${isolation}): linux only supports 'default'`;
}

function logMistake({ HostConfig }: DockerConfig): string | null {
  const { mode = '', 'max-buffer-size': buffer } = HostConfig?.LogConfig?.Config ?? {};
  return buffer !== undefined && mode !== 'non-blocking' && HostConfig?.LogConfig?.Type !== 'syslog' ? 'logger: max-buffer-size option is only supported with \'mode=non-blocking\'' : null;
}

function valueMistake({ HostConfig }: DockerConfig): string | null {
  if ((HostConfig?.ShmSize ?? 0) < 0) return 'SHM size can not be less than 0';
  if ((HostConfig?.CpuPeriod ?? 0) < 0) return 'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)';
  const host = (HostConfig?.ExtraHosts ?? []).find((entry) => !isHost(entry));
  return host === undefined ? null : `bad format for add-host: "${host}": expected NAME:ADDRESS`;
}

function isHost(entry: string): boolean {
  const [, address = ''] = /^[^:=]+[:=](.+)$/.exec(entry) ?? [];
  return address === 'host-gateway' || isIP(address.replace(/^\[(.*)\]$/, '$1')) !== 0;
}

function driverMistake({ HostConfig }: DockerConfig): string | null {
  const asked = [HostConfig?.VolumeDriver, ...(HostConfig?.Mounts ?? []).map(({ VolumeOptions }) => VolumeOptions?.DriverConfig?.Name)];
  const driver = asked.find((name) => name && name !== 'local');
  return driver ? `error looking up volume plugin ${driver}: plugin "${driver}" not found` : null;
}
