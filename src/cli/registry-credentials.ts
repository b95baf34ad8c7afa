import { configOf, DockerConfig } from '../client/docker-config.ts';
import { isReference, parseReference } from '../state/image-reference.ts';
import type { CredentialsByHost } from '../state/registry-credentials.ts';
import type { Cli } from './cli.ts';

/** What the user has for the registries of these images, from Docker's configuration. */
export async function credentialsOf(images: readonly string[], cli: Cli): Promise<CredentialsByHost> {
  const config = new DockerConfig(cli.env);
  const hosts = [...new Set(images.filter(isReference).map((image) => parseReference(image).domain))];
  const found = await Promise.all(hosts.map(async (host) => [host, await config.credentials(host)] as const));
  return Object.fromEntries(found.flatMap(([host, credentials]) => (credentials === null ? [] : [[host, credentials]])));
}

/** All of the user's credentials, as a `config.json` of Docker's holds them. */
export async function wholeConfig(cli: Cli): Promise<string> {
  return configOf(await new DockerConfig(cli.env).all());
}
