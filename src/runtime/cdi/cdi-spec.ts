import * as z from 'zod';

// A file of the Container Device Interface, 1.1.0 (SPEC.md of cncf-tags/container-device-interface).

const variables = z.array(z.string().regex(/^[^=]+=/, 'expected NAME=VALUE'));
const absolute = z.string().regex(/^\//, 'expected an absolute path');
const id = z.int().min(0).max(0xffff_ffff);

const DeviceNode = z.strictObject({
  path: absolute, hostPath: z.string().optional(), type: z.enum(['', 'b', 'c', 'u', 'p']).optional(), major: z.int().optional(), minor: z.int().optional(), fileMode: z.int().optional(),
  permissions: z.string().regex(/^([rwm]*|none)$/, 'expected of r, w and m what is permitted').optional(), uid: id.optional(), gid: id.optional(),
});
export type CdiNode = z.infer<typeof DeviceNode>;

const Hook = z.strictObject({
  hookName: z.enum(['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop']), path: absolute, args: z.array(z.string()).optional(), env: variables.optional(),
  timeout: z.int().positive().optional(),
});

const Mount = z.strictObject({ hostPath: z.string().min(1), containerPath: absolute, type: z.string().optional(), options: z.array(z.string()).optional() });

/** What is done to the configuration of a container that gets a device. */
const Edits = z.strictObject({
  env: variables.optional(), deviceNodes: z.array(DeviceNode).optional(), mounts: z.array(Mount).optional(), hooks: z.array(Hook).optional(), additionalGids: z.array(id).optional(),
  intelRdt: z.strictObject({ closID: z.string().optional(), l3CacheSchema: z.string().optional(), memBwSchema: z.string().optional(), schemata: z.array(z.string()).optional(), enableMonitoring: z.boolean().optional(), enableCMT: z.boolean().optional(), enableMBM: z.boolean().optional() }).optional(),
  netDevices: z.array(z.strictObject({ hostInterfaceName: z.string().min(1), name: z.string().min(1) })).optional(),
});
export type CdiEdits = z.infer<typeof Edits>;

const annotations = z.record(z.string(), z.string()).optional();

const Device = z.strictObject({ name: z.string().regex(/^[A-Za-z0-9](?:[\w.:-]*[A-Za-z0-9])?$/, 'expected letters, digits, "_", "-", "." and ":"'), annotations, containerEdits: Edits });

/** One file: devices of one kind. */
export const CdiSpec = z.strictObject({
  cdiVersion: z.string(),
  kind: z.string().regex(/^[A-Za-z](?:[\w.-]*[A-Za-z0-9])?\/[A-Za-z](?:[\w.-]{0,61}[A-Za-z0-9])?$/, 'expected VENDOR/CLASS, as "vendor.com/net"'),
  annotations, devices: z.array(Device).min(1, 'expected a device at least'), containerEdits: Edits.optional(),
}).superRefine((spec, context) => {
  const problem = versionProblem(spec) ?? devicesProblem(spec.devices);
  if (problem !== null) context.addIssue({ code: 'custom', message: problem });
});
export type CdiSpec = z.infer<typeof CdiSpec>;

const VERSIONS: readonly string[] = ['0.3.0', '0.4.0', '0.5.0', '0.6.0', '0.7.0', '0.8.0', '1.0.0', '1.1.0'];

type Judged = Pick<CdiSpec, 'cdiVersion' | 'kind' | 'annotations' | 'devices' | 'containerEdits'>;

/** What a file uses came with a version ("Released versions"); it must say that one at least. */
function versionProblem(spec: Judged): string | null {
  const { cdiVersion, kind, devices } = spec;
  const edits = [spec.containerEdits ?? {}, ...devices.map(({ containerEdits }) => containerEdits)];
  const said = VERSIONS.indexOf(cdiVersion.replace(/^v/, ''));
  if (said < 0) return `cdiVersion "${cdiVersion}" is not known; ${VERSIONS.join(', ')} are`;
  const needed = edits.some(({ netDevices = [], intelRdt }) => netDevices.length > 0 || intelRdt?.schemata !== undefined || intelRdt?.enableMonitoring === true) ? '1.1.0'
    : edits.some(({ intelRdt, additionalGids = [] }) => intelRdt !== undefined || additionalGids.length > 0) ? '0.7.0'
    : [spec, ...devices].some((one) => Object.keys(one.annotations ?? {}).length > 0) || /\/.*\./.test(kind) ? '0.6.0'
    : devices.some(({ name }) => /^\d/.test(name)) || edits.some(({ deviceNodes = [] }) => deviceNodes.some(({ hostPath = '' }) => hostPath !== '')) ? '0.5.0'
    : edits.some(({ mounts = [] }) => mounts.some(({ type = '' }) => type !== '')) ? '0.4.0' : '0.3.0';
  return said >= VERSIONS.indexOf(needed) ? null : `what it has needs cdiVersion ${needed} at least, it says ${cdiVersion}`;
}

function devicesProblem(devices: CdiSpec['devices']): string | null {
  const empty = devices.find(({ containerEdits }) => Object.values(containerEdits).every((part) => Array.isArray(part) && part.length === 0));
  const twice = devices.find(({ name }, index) => devices.findIndex((other) => other.name === name) !== index);
  return empty !== undefined ? `device "${empty.name}" has no containerEdits` : twice !== undefined ? `two devices are called "${twice.name}"` : null;
}
