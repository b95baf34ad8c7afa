// Runs inside the virtual machine, whose kernel has AppArmor. Prints the facts as one JSON object; what they should be is said by apparmor.test.ts.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { pathsOf } from '../../src/state/paths.ts';
import { bayplan } from './guest-commands.ts';

export type Facts = Awaited<ReturnType<typeof facts>>;

const stack = ['-f', 'test/vm/apparmor.yaml'];
const SERVICES = ['default', 'init', 'own', 'unconfined', 'privileged'] as const;

async function facts() {
  execFileSync('apparmor_parser', ['-r'], { input: 'profile test-own flags=(attach_disconnected,mediate_deleted) { network, capability, file, mount, signal, deny /forbidden w, }\n' });
  const load = bayplan('load', 'build/images/hello.tar');
  const up = bayplan('up', '-d', ...stack);
  const profiles = readFileSync('/sys/kernel/security/apparmor/profiles', 'utf8').trim().split('\n');
  const found = {
    enabled: readFileSync('/sys/module/apparmor/parameters/enabled', 'utf8').trim(), load, up, profiles,
    services: Object.fromEntries(await Promise.all(SERVICES.map(async (name) => [name, await service(name)] as const))),
    missing: bayplan('up', '-d', '-f', 'test/vm/apparmor-missing.yaml'),
    // What takes all profiles out takes this one too; the engine's next container has it again.
    again: reloaded(),
    left: bayplan('ps', '-a', '-q', '-f', 'test/vm/apparmor-missing.yaml'),
  };
  bayplan('down', '-f', 'test/vm/apparmor-missing.yaml');
  return { ...found, down: bayplan('down', ...stack), stop: bayplan('engine', 'stop') };
}

function reloaded(): readonly [before: boolean, code: number, after: boolean] {
  const has = (): boolean => readFileSync('/sys/kernel/security/apparmor/profiles', 'utf8').includes('bayplan-default (enforce)');
  bayplan('down', ...stack);
  writeFileSync('/sys/kernel/security/apparmor/.remove', 'bayplan-default');
  return [has(), bayplan('up', '-d', ...stack).code, has()];
}

interface Inspected { readonly AppArmorProfile: string; readonly State: { readonly Pid: number } }

function inspect(name: string): Promise<Inspected> {
  return new Promise((resolve, reject) => {
    request({ socketPath: pathsOf().socket, path: `/containers/apparmor-${name}-1/json`, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => { body += text; }).once('end', () => { resolve(JSON.parse(body) as Inspected); });
    }).once('error', reject).end();
  });
}

async function service(name: string) {
  const { AppArmorProfile: inspected, State: { Pid: first } } = await inspect(name);
  const Pid = Number(readFileSync(`/proc/${first}/task/${first}/children`, 'utf8').split(' ')[0]) || first; // below an init of bayplan's stands the program
  const sh = (script: string): string => bayplan('exec', '-T', '--file', 'test/vm/apparmor.yaml', name, 'sh', '-c', script).stdout;
  return {
    inspected,
    program: readFileSync(`/proc/${Pid}/attr/current`, 'utf8').trim(),
    executed: sh('cat /proc/self/attr/current').trim(),
    mounts: sh('mkdir -p /x; mount -t tmpfs x /x 2>/dev/null && echo mounted').trim(),
    forbidden: sh('(: > /forbidden) 2>/dev/null && echo written').trim(),
    // Its own mount of /proc is what a container with SYS_ADMIN would make, to write where the first one is read-only.
    core: sh('mount -t proc p /x 2>/dev/null; [ -e /x/sys/kernel/core_pattern ] && (: > /x/sys/kernel/core_pattern) 2>/dev/null && echo written').trim(),
  };
}

facts().then((found) => console.log(JSON.stringify(found)), (error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
