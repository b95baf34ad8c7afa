import type { Command } from 'commander';

/** What can stand in a place of the command line: names of the stack file's, or one of some words. */
export type Kind = 'services' | 'profiles' | 'files' | 'none' | readonly string[];

/** What a shell can offer after a command's name. */
export interface Offer {
  readonly path: string;
  readonly summary: string;
  readonly options: readonly { readonly flags: readonly string[]; readonly summary: string; /** Null: it takes no value. */ readonly value: Kind | null; /** Says which stack is meant: what asks for its services needs it too. */ readonly stack: boolean }[];
  readonly below: readonly { readonly name: string; readonly summary: string }[];
  /** First argument, and those after it. */
  readonly first: Kind;
  readonly rest: Kind;
  /** What follows a service's name at once: `:` of cp, `=` of scale. */
  readonly suffix: string;
}

const STACK: ReadonlySet<string> = new Set(['--root', '--file', '--project-name', '--project-directory', '--profile', '--env-file']);

/** What the value of an option is, by `COMMAND OPTION` or by option; anything else is the user's own. */
const VALUES: Readonly<Record<string, Kind>> = {
  '--root': 'files', '--file': 'files', '--project-directory': 'files', '--env-file': 'files', '--env-from-file': 'files', '--output': 'files', '--input': 'files', '--profile': 'profiles',
  '--exit-code-from': 'services', '--attach': 'services', '--no-attach': 'services',
  '--progress': ['auto', 'tty', 'plain', 'json', 'quiet'], '--ansi': ['auto', 'never', 'always'], '--pull': ['always', 'missing', 'never'], '--policy': ['always', 'missing'], '--rmi': ['all', 'local'], '--protocol': ['tcp', 'udp'],
  '--status': ['created', 'running', 'paused', 'restarting', 'exited', 'removing', 'dead'], '--format': ['table', 'json'], 'config --format': ['yaml', 'json'], 'graph --format': ['mermaid', 'dot', 'svg', 'json'],
};

/** The program's own offer first, then its commands' and theirs. */
export function offersOf(command: Command, path = ''): readonly Offer[] {
  const options = command.options.filter(({ hidden }) => !hidden).map((option) => ({
    flags: [option.short, option.long].filter((flag) => flag !== undefined && flag !== null), summary: option.description, stack: STACK.has(option.long ?? ''),
    value: option.required || option.optional ? VALUES[`${path} ${option.long ?? ''}`] ?? VALUES[option.long ?? ''] ?? 'none' : null,
  }));
  const visible = new Set(command.createHelp().visibleCommands(command));
  const commands = command.commands.filter((each) => visible.has(each)); // others are of the program's own, or only say what there is instead
  const below = commands.map((each) => ({ name: each.name(), summary: each.description() }));
  return [
    { path, summary: command.description(), options, below, ...argumentsOf(command) },
    ...commands.flatMap((each) => offersOf(each, path === '' ? each.name() : `${path} ${each.name()}`)),
  ];
}

function argumentsOf(command: Command): Pick<Offer, 'first' | 'rest' | 'suffix'> {
  const [argument] = command.registeredArguments;
  if (argument === undefined) return { first: 'none', rest: 'none', suffix: '' };
  switch (argument.name()) {
    case 'service': return argument.variadic ? { first: 'services', rest: 'services', suffix: '' } : { first: 'services', rest: 'files', suffix: '' };
    case 'name': return argument.variadic ? { first: 'services', rest: 'services', suffix: '' } : { first: 'none', rest: 'none', suffix: '' };
    case 'service=n': return { first: 'services', rest: 'services', suffix: '=' };
    case 'source': return { first: 'services', rest: 'services', suffix: ':' };
    case 'file': return { first: 'files', rest: 'none', suffix: '' };
    case 'shell': return { first: ['bash', 'zsh', 'fish'], rest: 'none', suffix: '' };
    default: return { first: 'none', rest: 'none', suffix: '' };
  }
}
