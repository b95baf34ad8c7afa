import { InvalidArgumentError, Option, type Command } from 'commander';
import { BayplanError } from '../state/bayplan-error.ts';
import type { Cli } from './cli.ts';
import { composeVariable } from './dot-env-variable.ts';
import type { StackOptions } from './options.ts';
import { isProgressMode, PROGRESS_MODES, progressMode } from './progress-mode.ts';

/** Commands that change nothing of a stack or container: `--dry-run` makes no difference to them. */
const READING: ReadonlySet<string> = new Set(['bridge', 'build', 'completion', 'config', 'diff', 'events', 'graph', 'history', 'images', 'logs', 'ls', 'plan', 'port', 'ps', 'publish', 'stats', 'top', 'version', 'volumes']);
/** Commands that can say what they would do. */
const PREVIEWED: ReadonlySet<string> = new Set([
  'attach', 'commit', 'cp', 'create', 'down', 'engine disable', 'engine enable', 'engine sweep', 'exec', 'export', 'kill', 'pause', 'pull', 'push', 'restart', 'rm', 'rollback', 'run', 'scale', 'start', 'stop', 'unpause', 'up', 'wait', 'watch',
]);

interface ComposeFlags { readonly ansi?: string; readonly parallel?: number; readonly compatibility?: boolean; readonly dryRun?: boolean; readonly allResources?: boolean }

/** Flags that docker compose has before the command's name. What cannot be done is refused before the command begins. */
export function addComposeFlags(program: Command, cli: Cli): void {
  program
    .option('--progress <how>', 'how to show what is done: auto, tty, plain, json or quiet', progressMode)
    .addOption(new Option('--ansi <when>', 'whether to use colours and move the cursor: auto, never, or always, also where there is no terminal').argParser(ansi))
    .addOption(new Option('--parallel <number>', 'accepted for docker compose\'s sake: the engine bounds its work itself').argParser(wholeNumber).hideHelp())
    .addOption(new Option('--compatibility', 'refused: names of docker-compose 1').hideHelp())
    .addOption(new Option('--all-resources', 'networks and volumes that no service uses too: of config, up, create and plan').hideHelp())
    .addOption(new Option('--dry-run', 'print what would be done and why, and do nothing; no difference to what changes nothing').hideHelp())
    .hook('preAction', (_program, command) => beforeAction(verbOf(command), command, cli));
}

/** docker compose takes `--dry-run` after each command's name too. Call it once all commands are there. */
export function addDryRun(commands: readonly Command[]): void {
  for (const command of commands) {
    command.addOption(new Option('--dry-run', 'print what would be done and why, and do nothing').hideHelp(!PREVIEWED.has(command.name())));
  }
}

function beforeAction(verb: string, command: Command, cli: Cli): void {
  const { ansi: when = cli.env['COMPOSE_ANSI'], parallel, compatibility, dryRun, allResources } = command.optsWithGlobals<ComposeFlags>();
  if (dryRun === true && !READING.has(verb) && !PREVIEWED.has(verb) && !PREVIEWED.has(`${verb} ${command.name()}`)) throw new BayplanError('not-built', `--dry-run: what "${verb}" would do cannot be shown`);
  if (compatibility === true) throw new BayplanError('not-built', '--compatibility: containers are named as docker compose 2 does ("shop-web-1"), never "shop_web_1"; set container_name where a name is needed');
  if (allResources === true && !['config', 'up', 'create', 'plan', 'watch'].includes(verb)) throw new BayplanError('bad-request', '--all-resources is for config, up, create and plan: it makes networks and volumes that no service uses');
  if (parallel !== undefined) cli.stderr.write('warning: --parallel makes no difference: the engine bounds its work itself\n');
  byVariables(command, cli);
  if (when === 'never' || when === 'always') {
    for (const { long } of command.options) {
      if (long === '--no-color' && when === 'never') command.setOptionValue('color', false);
      if (long === '--progress' && command.optsWithGlobals<{ readonly progress?: string }>().progress === 'auto') command.setOptionValue('progress', when === 'never' ? 'plain' : 'tty');
    }
  }
}

/** Options that docker compose takes from variables where the line does not give them, of the `.env` file too. */
function byVariables(command: Command, cli: Cli): void {
  const unsaid = (option: string, flag: string): boolean => ['default', undefined].includes(command.getOptionValueSourceWithGlobals(option)) && command.options.some(({ long }) => long === flag);
  const options = command.optsWithGlobals<StackOptions>();
  if (unsaid('progress', '--progress')) {
    const progress = composeVariable('COMPOSE_PROGRESS', options, cli) ?? '';
    if (progress !== '' && !isProgressMode(progress)) throw new BayplanError('bad-request', `COMPOSE_PROGRESS: expected one of ${PROGRESS_MODES.join(', ')}, got "${progress}"`);
    if (progress !== '') command.setOptionValue('progress', progress);
  }
  if (unsaid('removeOrphans', '--remove-orphans') && command.name() !== 'run' && /^(1|t|true|y|yes)$/i.test(composeVariable('COMPOSE_REMOVE_ORPHANS', options, cli) ?? '')) command.setOptionValue('removeOrphans', true);
}

/** The name below the program's: of `image ls` it is `image`. */
function verbOf(command: Command): string {
  let at = command;
  while (at.parent?.parent != null) at = at.parent;
  return at.name();
}

function ansi(value: string): string {
  if (value !== 'auto' && value !== 'never' && value !== 'always') throw new InvalidArgumentError('Expected auto, never or always.');
  return value;
}

function wholeNumber(value: string): number {
  if (!/^-?\d{1,9}$/.test(value)) throw new InvalidArgumentError('Expected a whole number.');
  return Number(value);
}
