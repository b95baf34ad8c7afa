import * as z from 'zod';
import { BayplanError } from '../../state/bayplan-error.ts';
import { architecturesOf } from './seccomp.ts';
import type { OciSeccomp, OciSyscallRule } from './oci.ts';

const Conditions = z.object({ caps: z.array(z.string()).nullish(), arches: z.array(z.string()).nullish(), minKernel: z.string().nullish() });
const Rule = z.object({
  name: z.string().nullish(), names: z.array(z.string()).nullish(), action: z.string(), errnoRet: z.int().nullish(),
  args: z.array(z.object({ index: z.int(), value: z.number(), valueTwo: z.number().nullish(), op: z.string() })).nullish(),
  includes: Conditions.nullish(), excludes: Conditions.nullish(),
});
const Profile = z.object({
  defaultAction: z.string(), defaultErrnoRet: z.int().nullish(), architectures: z.array(z.string()).nullish(), archMap: z.array(z.unknown()).nullish(), syscalls: z.array(Rule).nullish(),
});

/** Docker's word for `process.arch`. */
const ARCH: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/**
 * A profile as Docker's files have it, as `linux.seccomp` of the OCI runtime specification: rules that ask for a capability, an architecture or a kernel are there or not, by what
 * this container and machine have. `kernel` as uname -r prints it. Throws `bad-request` for what is no such profile.
 */
export function customProfile(text: string, capabilities: readonly string[], kernel: string, arch: string = process.arch): OciSeccomp {
  const profile = parse(text);
  const holds = ({ caps, arches, minKernel }: z.infer<typeof Conditions>, all: boolean): boolean => {
    const met = [
      ...(caps ?? []).map((name) => capabilities.includes(name)), ...((arches ?? []).length === 0 ? [] : [(arches ?? []).includes(ARCH[arch] ?? arch)]),
      ...(minKernel === null || minKernel === undefined || minKernel === '' ? [] : [isAtLeast(kernel, minKernel)]),
    ];
    return all ? met.every(Boolean) : met.some(Boolean);
  };
  const rules = (profile.syscalls ?? []).filter(({ includes, excludes }) => holds(includes ?? {}, true) && !holds(excludes ?? {}, false));
  return {
    defaultAction: profile.defaultAction, ...(profile.defaultErrnoRet === null || profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    architectures: profile.architectures ?? architecturesOf(arch), syscalls: rules.map(ruleOf),
  };
}

function ruleOf({ name, names, action, errnoRet, args }: z.infer<typeof Rule>): OciSyscallRule {
  return {
    names: [...(names ?? []), ...(name === null || name === undefined ? [] : [name])], action, ...(errnoRet === null || errnoRet === undefined ? {} : { errnoRet }),
    ...((args ?? []).length === 0 ? {} : { args: (args ?? []).map(({ index, value, valueTwo, op }) => ({ index, value, op, ...(valueTwo === null || valueTwo === undefined ? {} : { valueTwo }) })) }),
  };
}

function parse(text: string): z.infer<typeof Profile> {
  try {
    return Profile.parse(JSON.parse(text));
  } catch (error) {
    const what = error instanceof z.ZodError ? error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)[0] : error instanceof Error ? error.message : String(error);
    throw new BayplanError('bad-request', `the seccomp profile is none: ${what ?? ''}`);
  }
}

function isAtLeast(kernel: string, wanted: string): boolean {
  const [major = 0, minor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10));
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map((part) => Number.parseInt(part, 10));
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
