import { describe, expect, it } from 'vitest';
import { customProfile } from '../../../src/runtime/container/seccomp-profile.ts';

const names = (rule: object, capabilities: readonly string[] = [], kernel = '6.1.0-28-amd64'): readonly string[] =>
  customProfile(JSON.stringify({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW', ...rule }] }), capabilities, kernel, 'x64').syscalls.flatMap((one) => one.names);

describe('a seccomp profile of Docker\'s form', () => {
  it('keeps what is the specification\'s own', () => {
    const rule = { names: ['socket'], action: 'SCMP_ACT_ERRNO', errnoRet: 1, args: [{ index: 0, value: 40, op: 'SCMP_CMP_EQ' }] };
    expect(customProfile(JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', defaultErrnoRet: 2, archMap: [], syscalls: [rule] }), [], '6.1', 'x64')).toEqual({
      defaultAction: 'SCMP_ACT_ALLOW', defaultErrnoRet: 2, architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'], syscalls: [rule],
    });
  });

  it.each<[string, object, readonly string[], boolean]>([
    ['a capability that it has', { includes: { caps: ['CAP_A'] } }, ['CAP_A'], true],
    ['a capability that it has not', { includes: { caps: ['CAP_A'] } }, [], false],
    ['no capability that it has', { excludes: { caps: ['CAP_A'] } }, ['CAP_A'], false],
    ['this architecture', { includes: { arches: ['amd64', 'x32'] } }, [], true],
    ['another architecture', { includes: { arches: ['s390x'] } }, [], false],
    ['an older kernel', { includes: { minKernel: '4.8' } }, [], true],
    ['a newer kernel', { includes: { minKernel: '6.2' } }, [], false],
  ])('a rule for %s', (_what, rule, capabilities, there) => expect(names(rule, capabilities)).toEqual(there ? ['read'] : []));

  it.each([['{', 'is none'], ['{"syscalls":[]}', 'defaultAction'], ['[]', 'expected object']])('refuses %s', (text, message) => expect(() => customProfile(text, [], '6.1')).toThrow(message));
});
