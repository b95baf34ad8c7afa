import { describe, expect, it } from 'vitest';
import { seccompProfile } from '../../../src/runtime/container/seccomp.ts';

const allowed = (capabilities: string[], name: string, arch = 'x64'): boolean =>
  seccompProfile(capabilities, arch).syscalls.some((rule) => rule.action === 'SCMP_ACT_ALLOW' && rule.args === undefined && rule.names.includes(name));

describe('seccompProfile', () => {
  it('refuses by default with EPERM', () => expect(seccompProfile([], 'x64')).toMatchObject({ defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 1 }));

  it('names no call twice in its unconditional list, and none of what Docker refuses', () => {
    const names = seccompProfile([], 'x64').syscalls[0]?.names ?? [];
    expect(new Set(names).size).toBe(names.length);
    expect(names).toHaveLength(360);
    for (const name of ['mount', 'keyctl', 'add_key', 'bpf', 'io_uring_setup', 'kexec_load', 'userfaultfd', 'unshare', 'socket', 'clone', 'clone3', 'personality']) {
      expect(allowed([], name), name).toBe(false);
    }
  });

  it('lets capabilities open calls', () => {
    for (const [capability, name] of [['CAP_SYS_ADMIN', 'mount'], ['CAP_SYS_TIME', 'clock_settime'], ['CAP_SYSLOG', 'syslog'], ['CAP_BPF', 'bpf'], ['CAP_SYS_CHROOT', 'chroot']] as const) {
      expect(allowed([], name), name).toBe(false);
      expect(allowed([capability], name), name).toBe(true);
    }
  });

  it('keeps clone free of namespaces and clone3 out of use, unless CAP_SYS_ADMIN', () => {
    const clone = seccompProfile([], 'x64').syscalls.filter((rule) => rule.names.includes('clone') || rule.names.includes('clone3'));
    expect(clone).toEqual([
      { names: ['clone'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: 2114060288, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }] },
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 },
    ]);
    expect(allowed(['CAP_SYS_ADMIN'], 'clone3')).toBe(true);
  });

  it('opens sockets of every family but AF_ALG and AF_VSOCK, with no bound that a 64-bit value could pass', () => {
    const rules = seccompProfile([], 'x64').syscalls.filter((rule) => rule.names.includes('socket')).flatMap((rule) => rule.args ?? []);
    expect(rules.map(({ op, value }) => `${op.slice(9)} ${value}`).join(', ')).toBe('LT 38, EQ 39, EQ 41, EQ 42, EQ 43, EQ 44, EQ 45');
  });

  it('knows two architectures', () => {
    expect(seccompProfile([], 'x64').architectures).toEqual(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']);
    expect(allowed([], 'arch_prctl')).toBe(true);
    expect(seccompProfile([], 'arm64').architectures).toEqual(['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM']);
    expect(allowed([], 'arch_prctl', 'arm64')).toBe(false);
  });
});
