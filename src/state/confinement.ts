import * as z from 'zod';

/** Devices of the host: one, or all in a folder, at `target` in the container. `permissions` of r, w and m. */
export const Device = z.strictObject({ source: z.string(), target: z.string(), permissions: z.string() });
export type Device = z.infer<typeof Device>;

/** How a container is held, beside its capabilities. */
export const Security = z.strictObject({
  noNewPrivileges: z.boolean(),
  /** '': the default profile, 'unconfined', or a profile of Docker's form as JSON text. */
  seccomp: z.string(),
  /** '': the default, 'unconfined', or the name of a profile that is loaded. */
  apparmor: z.string(),
  /** Parts of /proc and /sys are hidden and read-only. */
  maskPaths: z.boolean(),
});
export type Security = z.infer<typeof Security>;

export const DEFAULT_SECURITY: Security = { noNewPrivileges: false, seccomp: '', apparmor: '', maskPaths: true };

/**
 * Namespaces that are not a container's own: 'host', 'container:NAME' (name or id), or 'ns:PATH', one that a file pins. '': its own. Of users '' is what
 * the engine does by default; of time it is the host's.
 */
export const Namespaces = z.strictObject({
  pid: z.string().regex(/^(|host|container:.+|ns:\/.+)$/),
  /** Beside those: 'private' and 'shareable', which are its own, and 'none': its own, without /dev/shm. */
  ipc: z.string().regex(/^(|host|private|shareable|none|container:.+|ns:\/.+)$/),
  uts: z.string().regex(/^(|host|container:.+|ns:\/.+)$/),
  cgroup: z.string().regex(/^(|host|private|container:.+|ns:\/.+)$/),
  /** 'auto': users of its own, as many as the engine gives, or as asked for. */
  user: z.string().regex(/^(|host|auto(:size=[1-9]\d{0,9})?|container:.+|ns:\/.+)$/),
  time: z.string().regex(/^(|private|container:.+|ns:\/.+)$/).default(''),
});
export type Namespaces = z.infer<typeof Namespaces>;

export const OWN_NAMESPACES: Namespaces = { pid: '', ipc: '', uts: '', cgroup: '', user: '', time: '' };

/** What is added to the host's clocks in a time namespace of the container's own. */
export const ClockOffsets = z.strictObject({ monotonicMs: z.int(), boottimeMs: z.int() });
export type ClockOffsets = z.infer<typeof ClockOffsets>;

export const HOST_CLOCKS: ClockOffsets = { monotonicMs: 0, boottimeMs: 0 };

/** Docker's `security_opt`, as it was understood. */
export interface SecurityOptions { readonly security: Security; readonly notes: readonly string[]; readonly problems: readonly string[] }

/** `KEY=VALUE` or `KEY:VALUE`, and `no-new-privileges` alone. A profile's text stands in place of its file's name. */
export function parseSecurityOptions(options: readonly string[]): SecurityOptions {
  let security = DEFAULT_SECURITY;
  const notes: string[] = [];
  const problems: string[] = [];
  for (const option of options) {
    const [, key = option, value = ''] = /^([a-z-]+)[=:](.*)$/s.exec(option) ?? [];
    if (key === 'no-new-privileges' && ['', 'true', 'false'].includes(value)) security = { ...security, noNewPrivileges: value !== 'false' };
    else if (key === 'seccomp' && value !== '') security = { ...security, seccomp: value === 'builtin' ? '' : value };
    else if (key === 'apparmor' && value !== '') security = { ...security, apparmor: value };
    else if (key === 'systempaths' && value === 'unconfined') security = { ...security, maskPaths: false };
    else if (key === 'label') notes.push(`security_opt "${option}": SELinux labels are ignored`);
    else problems.push(`security_opt "${option}": expected no-new-privileges, seccomp=…, apparmor=…, systempaths=unconfined or label=…`);
  }
  return { security, notes, problems };
}
