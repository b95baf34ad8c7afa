import { contentKey } from '../state/content.ts';
import type { Project } from './project.ts';
import type { ServiceConfig } from './service-schema.ts';

/** Where clients look for the socket, and where their configuration is put. */
const SOCKET = '/var/run/docker.sock';
const CONFIG_FOLDER = '/run/secrets/docker';
/** No name of a config in a file can be this. */
const CONFIG = '#apisocket';

/** Whether some service is given the engine's socket. */
export function usesApiSocket({ services }: Project): boolean {
  return Object.values(services).some(({ use_api_socket: used }) => used === true);
}

/**
 * A project whose services with `use_api_socket` have the engine's socket and the user's credentials, as docker compose gives them: the socket at /var/run/docker.sock,
 * and `dockerConfig` (what a `config.json` of Docker's holds) as a config that DOCKER_CONFIG leads to where the service does not set that itself.
 */
export function withApiSocket(project: Project, { socket, dockerConfig }: { readonly socket: string; readonly dockerConfig: string }): Project {
  if (!usesApiSocket(project)) return project;
  const name = `${project.name}_${CONFIG}`;
  const at = { file: project.files[0] ?? '', line: 0, column: 0, message: 'use_api_socket', excerpt: '', caret: 0 };
  return {
    ...project,
    services: Object.fromEntries(Object.entries(project.services).map(([key, service]) => [key, service.use_api_socket === true ? given(service, socket) : service])),
    configs: { ...project.configs, [CONFIG]: { name, content: dockerConfig } },
    contents: [...project.contents, { key: contentKey('config', name), kind: 'config', from: { text: dockerConfig }, at }],
  };
}

function given(service: ServiceConfig, socket: string): ServiceConfig {
  const { volumes = [], configs = [], environment = {} } = service;
  return {
    ...service,
    volumes: volumes.some(({ target }) => target === SOCKET) ? volumes : [...volumes, { type: 'bind', source: socket, target: SOCKET, bind: { create_host_path: false } }],
    configs: [...configs, { source: CONFIG, target: `${CONFIG_FOLDER}/config.json` }],
    environment: 'DOCKER_CONFIG' in environment ? environment : { ...environment, DOCKER_CONFIG: CONFIG_FOLDER },
  };
}
