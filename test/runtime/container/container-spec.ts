import type { ImageConfig, ImageStatus } from '../../../src/state/image.ts';

export { containerSpec as specOf } from '../../spec-values.ts';

export function imageOf(change: Partial<ImageConfig> = {}): ImageStatus {
  return {
    id: 'sha256:00', digest: 'sha256:00', createdAt: 0, size: 0,
    config: {
      entrypoint: [], command: ['serve'], environment: [], user: '', workingDir: '', labels: {}, stopSignal: '', healthcheck: null, exposedPorts: [],
      volumes: [], ...change,
    },
  };
}
