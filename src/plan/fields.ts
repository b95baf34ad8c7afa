import type { ContainerSpec } from '../state/container.ts';

/** What a change of each field of a container's spec takes: a new container, or nothing at all. */
export type Change = 'recreate' | 'none';

/** A new field of the spec does not compile until it is decided here what its change takes. */
export const changeOf: { readonly [F in keyof ContainerSpec]: Change } = {
  image: 'recreate',
  imageId: 'recreate',
  entrypoint: 'recreate',
  command: 'recreate',
  environment: 'recreate',
  user: 'recreate',
  groupAdd: 'recreate',
  workingDir: 'recreate',
  hostname: 'recreate',
  domainname: 'recreate',
  labels: 'recreate',
  stopSignal: 'recreate',
  stopGracePeriodMs: 'recreate',
  restart: 'recreate',
  healthcheck: 'recreate',
  capAdd: 'recreate',
  capDrop: 'recreate',
  readOnly: 'recreate',
  init: 'recreate',
  tty: 'recreate',
  stdinOpen: 'recreate',
  resources: 'recreate',
  mounts: 'recreate',
  networkMode: 'recreate',
  networks: 'recreate',
  extraHosts: 'recreate',
  ports: 'recreate',
};
