// Runs inside the virtual machine, whose kernel has AppArmor. Prints the facts as one JSON object; what they should be is said by apparmor.test.ts.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { bayplan } from './guest-commands.ts';

export type Facts = Awaited<ReturnType<typeof facts>>;

const stack = ['-f', 'test/vm/apparmor.yaml'];
const SERVICES = ['default', 'init', 'own', 'unconfined', 'privileged'] as const;

function facts() {
  execFileSync('apparmor_parser', ['-r'], { input: 'profile test-own flags=(attach_disconnected,mediate_deleted) { network, capability, file, mount, signal, deny /forbidden w, }\n' });
  const load = bayplan('load', 'build/images/hello.tar');
  const up = bayplan('up', '-d', ...stack);
  const profiles = readFileSync('/sys/kernel/security/apparmor/profiles', 'utf8').trim().split('\n');
  const found = {
    enabled: readFileSync('/sys/module/apparmor/parameters/enabled', 'utf8').trim(), load, up, profiles,
    services: Object.fromEntries(SERVICES.map((name) => [name, service(name)])),
    missing: bayplan('up', '-d', '-f', 'test/vm/apparmor-missing.yaml'),
    left: bayplan('ps', '-a', '-q', '-f', 'test/vm/apparmor-missing.yaml'),
  };
  bayplan('down', '-f', 'test/vm/apparmor-missing.yaml');
  return { ...found, down: bayplan('down', ...stack), stop: bayplan('engine', 'stop') };
}

function service(name: string) {
  const { State: { Pid } } = JSON.parse(bayplan('inspect', `apparmor-${name}-1`).stdout)[0] as { readonly State: { readonly Pid: number } };
  const sh = (script: string): string => bayplan('exec', '-T', '--file', 'test/vm/apparmor.yaml', name, 'sh', '-c', script).stdout;
  return {
    first: readFileSync(`/proc/${Pid}/attr/current`, 'utf8').trim(),
    executed: sh('cat /proc/self/attr/current').trim(),
    mounts: sh('mkdir -p /x; mount -t tmpfs x /x 2>/dev/null && echo mounted').trim(),
    forbidden: sh('(: > /forbidden) 2>/dev/null && echo written').trim(),
    // Its own mount of /proc is what a container with SYS_ADMIN would make, to write where the first one is read-only.
    core: sh('mount -t proc p /x 2>/dev/null; [ -e /x/sys/kernel/core_pattern ] && (: > /x/sys/kernel/core_pattern) 2>/dev/null && echo written').trim(),
  };
}

console.log(JSON.stringify(facts()));
