import { InvalidArgumentError, Option, type Command } from 'commander';
import { MOST_CONTAINERS } from '../state/most-containers.ts';
import { seconds, type ServicesOptions } from './options.ts';
import { collect } from './program.ts';
import { pullPolicy, type PullPolicy } from './pull-policy.ts';

/** What `up` and `create` say about how containers are made. */
export interface MakeOptions extends ServicesOptions {
  readonly forceRecreate?: boolean; readonly recreate: boolean; readonly scale?: Readonly<Record<string, number>>; readonly removeOrphans?: boolean; readonly pull?: PullPolicy; readonly quietPull?: boolean;
  readonly build?: boolean;
}

/** What `up` alone says. */
export interface UpOptions extends MakeOptions {
  readonly detach?: boolean; readonly wait?: boolean; readonly waitTimeout?: number; readonly start: boolean; readonly deps: boolean; readonly alwaysRecreateDeps?: boolean; readonly renewAnonVolumes?: boolean; readonly timeout?: number; readonly rollbackOnFailure?: boolean;
  readonly abortOnContainerExit?: boolean; readonly abortOnContainerFailure?: boolean; readonly exitCodeFrom?: string;
  readonly attach?: readonly string[]; readonly noAttach?: readonly string[]; readonly attachDependencies?: boolean; readonly color: boolean; readonly logPrefix: boolean; readonly timestamps?: boolean;
  readonly watch?: boolean; readonly menu?: boolean | string;
}

export function addMakeOptions(command: Command): Command {
  return command
    .option('--force-recreate', 'make containers anew also where nothing differs').option('--no-recreate', 'keep containers as they are also where something differs')
    .option('--scale <SERVICE=N>', 'so many containers of the service, in place of what the file says, may be repeated', scaled)
    .option('--remove-orphans', 'remove containers of services that the file no longer has')
    .option('--pull <policy>', 'when to pull images, in place of what the file says: always, missing or never', pullPolicy).option('--quiet-pull', 'do not show how far pulls are')
    .option('--build', 'refused where the file has something to build').option('--no-build', 'accepted for docker compose\'s sake').option('-y, --yes', 'likewise');
}

export function addUpOptions(command: Command): Command {
  return addMakeOptions(command)
    .option('-d, --detach', 'leave the containers running in the background')
    .option('--wait', 'wait until the services are healthy, or have ended well; leaves them in the background').option('--wait-timeout <seconds>', 'for so long at the most', seconds)
    .option('--rollback-on-failure', 'where a step fails, or a container is not healthy or does not last, make the whole stack what it was before')
    .option('--no-start', 'make the containers, and start none').option('--no-deps', 'leave alone what the services depend on').option('--always-recreate-deps', 'make what they depend on anew too')
    .option('-V, --renew-anon-volumes', 'remove the anonymous volumes of what is made anew').option('-t, --timeout <seconds>', 'how long containers have to stop (default: as each one says)', seconds)
    .option('--abort-on-container-exit', 'stop all once a container has ended').option('--abort-on-container-failure', 'stop all once a container has failed')
    .option('--exit-code-from <service>', 'stop all once a container has ended, and exit with the status of this one')
    .option('--attach <service>', 'show only what this service writes, may be repeated', collect).addOption(noAttach())
    .option('--attach-dependencies', 'show what the services depend on writes too')
    .addOption(new Option('--quiet-build').hideHelp()).option('-w, --watch', 'go on following the stack\'s files, and what develop.watch names').addOption(new Option('--menu [yes]', 'in the foreground of a terminal: keys that turn a watch on and off, and detach (default: as COMPOSE_MENU says)').preset('true'))
    .option('--no-color', 'plain names').option('--no-log-prefix', 'no names').option('--timestamps', 'show when each line was written');
}

/** `SERVICE=N` */
export function scaled(text: string, before: Readonly<Record<string, number>> | undefined): Readonly<Record<string, number>> {
  const [, service, count] = /^([^=]+)=(\d{1,5})$/.exec(text) ?? [];
  if (service === undefined || count === undefined) throw new InvalidArgumentError('Expected SERVICE=NUMBER.');
  if (Number(count) > MOST_CONTAINERS) throw new InvalidArgumentError(`Expected at most ${MOST_CONTAINERS} containers.`);
  return { ...before, [service]: Number(count) };
}

/** To commander it would be the opposite of --attach; it is an option of its own. */
function noAttach(): Option {
  const option = new Option('--no-attach <service>', 'do not show what this service writes, may be repeated').argParser(collect);
  option.negate = false;
  return option;
}
