import * as z from 'zod';

/** How one registry is reached. The key beside it is the host as image names have it: `docker.io`, `registry.example:5000`. */
export const RegistrySettings = z.strictObject({
  /** Base addresses that are asked first, in this order. One that begins with `http://` is thereby allowed to be without TLS. */
  mirrors: z.array(z.url({ protocol: /^https?$/, error: 'expected an address as "https://mirror.example:5000"' })).default([]),
  /** The registry itself is never asked, only its mirrors. */
  mirrorsOnly: z.boolean().default(false),
  /** File (PEM) with the certificates of further authorities. */
  ca: z.string().startsWith('/', 'expected an absolute path').optional(),
  /** It speaks HTTP without TLS. On loopback that needs no permission. */
  plainHttp: z.boolean().default(false),
});
export type RegistrySettings = z.infer<typeof RegistrySettings>;

export const Registries = z.record(z.string(), RegistrySettings);
export type Registries = z.infer<typeof Registries>;
