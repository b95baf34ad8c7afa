import type { ContainerSpec } from '../../../src/state/container.ts';
import type { ImageConfig, ImageStatus } from '../../../src/state/image.ts';

/** A spec that asks for nothing, for tests that are about one field. */
export function specOf(change: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    image: 'demo', imageId: '', entrypoint: null, command: null, environment: {}, user: '', groupAdd: [], workingDir: '', hostname: '', domainname: '',
    labels: {}, stopSignal: null, stopGracePeriodMs: 10_000, restart: { policy: 'no', maxRetries: 0 }, healthcheck: null, capAdd: [], capDrop: [],
    readOnly: false, init: false, tty: false, stdinOpen: false, stdinOnce: false, autoRemove: false, resources: { memory: null, cpus: null, pids: null }, mounts: [], contents: [], networkMode: 'bridge',
    networks: {}, extraHosts: [], dns: { servers: [], search: null, options: [] }, links: {}, ports: [], ...change,
  };
}

export function imageOf(change: Partial<ImageConfig> = {}): ImageStatus {
  return {
    id: 'sha256:00', digest: 'sha256:00', createdAt: 0, size: 0,
    config: {
      entrypoint: [], command: ['serve'], environment: [], user: '', workingDir: '', labels: {}, stopSignal: '', healthcheck: null, exposedPorts: [],
      volumes: [], ...change,
    },
  };
}
