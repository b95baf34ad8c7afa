import { BayplanError } from '../../state/bayplan-error.ts';
import type { ContainerSpec } from '../../state/container.ts';
import { DEVICE_RULE } from '../../state/spec-problems.ts';
import type { ContainerDevice } from './devices.ts';
import type { OciDeviceRule } from './oci.ts';

/** Tunnels (/dev/net/tun): runc lets every container use them, and what they do takes CAP_NET_ADMIN; images of VPNs make the node themselves. */
const TUNNELS: OciDeviceRule = { allow: true, type: 'c', major: 10, minor: 200, access: 'rwm' };

/** Of rules that match, the last one counts: all denied first; what every container may use is added by the runtime (config-linux.md, "Default Devices"). */
export function deviceRulesOf(spec: ContainerSpec, devices: readonly ContainerDevice[]): readonly OciDeviceRule[] {
  if (spec.privileged) return [{ allow: true, access: 'rwm' }];
  const named = devices.map(({ node: { type, major, minor }, permissions }) => ({ allow: true, type, major, minor, access: permissions }));
  return [{ allow: false, access: 'rwm' }, TUNNELS, ...named, ...spec.deviceCgroupRules.map(parseDeviceRule)];
}

/** `c 1:3 mr`, `a *:* rwm`, as in the kernel's devices.allow. Throws `bad-request`. */
export function parseDeviceRule(text: string): OciDeviceRule {
  const [, type, major, minor, access] = DEVICE_RULE.exec(text) ?? [];
  if (type === undefined || access === undefined) throw new BayplanError('bad-request', `device_cgroup_rules: "${text}": expected a rule such as "c 1:3 rwm"`);
  const number = (value: string | undefined): number => (value === '*' ? -1 : Number(value));
  return {
    allow: true, type: type === 'b' ? 'b' : type === 'c' ? 'c' : 'a', access,
    ...(number(major) < 0 ? {} : { major: number(major) }), ...(number(minor) < 0 ? {} : { minor: number(minor) }),
  };
}
