import type { Container, ContainerSpec, ContainerStatus } from '../../src/state/container.ts';
import type { Dependency, Service } from '../../src/state/service.ts';
import { emptyState, nothingDesired, type Desired, type State } from '../../src/state/state.ts';
import { USUAL_CARE } from '../../src/state/drift.ts';
import { USUAL_UPDATE } from '../../src/state/update-policy.ts';
import { attachment, containerSpec } from '../spec-values.ts';

/** States for tests, in few words. */
export const IMAGE = 'bayplan/hello';
export const IMAGE_ID = `sha256:${'a'.repeat(64)}`;

export function spec(change: Partial<ContainerSpec> = {}): ContainerSpec {
  return containerSpec({ image: IMAGE, networks: { shop_default: attachment() }, ...change });
}

const conditions = { started: 'service_started', healthy: 'service_healthy', completed: 'service_completed_successfully' } as const;

export function service(change: Partial<ContainerSpec> = {}, needs: Readonly<Record<string, keyof typeof conditions>> = {}, replicas = 1): Service {
  const dependsOn: Record<string, Dependency> = {};
  for (const [name, condition] of Object.entries(needs)) dependsOn[name] = { condition: conditions[condition], required: true, restart: false };
  const label = Object.entries(dependsOn).map(([name, { condition }]) => `${name}:${condition}:false`).join(',');
  const template = spec({ ...change, labels: { ...change.labels, ...(label === '' ? {} : { 'com.docker.compose.depends_on': label }) } });
  return { replicas, containerName: '', dependsOn, update: USUAL_UPDATE, care: USUAL_CARE, rollback: USUAL_UPDATE, job: null, template };
}

export function desired(services: Readonly<Record<string, Service>>, change: Partial<Desired> = {}): Desired {
  const volumes: Desired['volumes'] = {};
  for (const { template } of Object.values(services)) {
    for (const mount of template.mounts) {
      if (mount.type === 'volume' && mount.source !== null) volumes[mount.source] = { stack: 'shop', spec: { driver: 'local', external: false, driverOpts: {}, labels: {} }, status: null };
    }
  }
  return {
    ...nothingDesired('shop', false, null), services, volumes,
    networks: { shop_default: { stack: 'shop', spec: { driver: 'bridge', internal: false, external: false, attachable: false, ipv6: false, ipam: [], labels: {}, options: {} }, status: null } },
    images: { [IMAGE]: { spec: { pullPolicy: 'missing', refreshMs: 0 }, status: null, pulledAt: 0 } },
    remove: { orphans: false, volumes: false }, ...change,
  };
}

/** A machine on which nothing is but the image. */
export function bare(): State {
  const config = { entrypoint: [], command: [], environment: [], user: '', workingDir: '', labels: {}, stopSignal: '', healthcheck: null, exposedPorts: [], volumes: [] };
  return { ...emptyState('shop'), images: { [IMAGE]: { spec: { pullPolicy: 'missing', refreshMs: 0 }, status: { id: IMAGE_ID, digest: IMAGE_ID, createdAt: 0, size: 1, config }, pulledAt: 0 } } };
}

export function status(change: Partial<ContainerStatus> = {}): ContainerStatus {
  return {
    id: 'c'.repeat(64), phase: 'created', pid: 0, exitCode: 0, oomKilled: false, error: '', createdAt: 1, startedAt: 0, finishedAt: 0, health: 'none', healthOutput: '',
    restarts: 0, restartAt: 0, held: false, paused: false, addresses: {}, anonymousVolumes: {}, ipv6Addresses: {}, runtime: 'bayplan', storage: 'overlay', joined: [], ports: [], ...change,
  };
}

/** The same State with one container's status changed. */
export function withStatus(state: State, name: string, change: Partial<ContainerStatus>): State {
  const container = state.containers[name];
  if (container === undefined || container.status === null) throw new Error(`no container ${name}`);
  const changed: Container = { ...container, status: { ...container.status, ...change } };
  return { ...state, containers: { ...state.containers, [name]: changed } };
}
