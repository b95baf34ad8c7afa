import * as z from 'zod';

/** How somebody proves to a registry who he is: a name and a password, or a token that registries' token services take in place of them. Never stored. */
export const RegistryCredentials = z.object({
  username: z.string().default(''),
  password: z.string().default(''),
  identitytoken: z.string().default(''),
});
export type RegistryCredentials = z.infer<typeof RegistryCredentials>;

/** By registry host as image names have it: `docker.io`, `registry.example:5000`. */
export const CredentialsByHost = z.record(z.string(), RegistryCredentials);
export type CredentialsByHost = Readonly<Record<string, RegistryCredentials>>;

/** A registry's host as image names have it, from what Docker's configuration calls it: `https://index.docker.io/v1/` is `docker.io`. */
export function registryHost(server: string): string {
  const host = server.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return ['', 'index.docker.io', 'registry-1.docker.io'].includes(host) ? 'docker.io' : host;
}
