import { CommanderError, type Command } from 'commander';
import type { Cli } from './cli.ts';
import { addComposeFlags, addDryRun } from './compose-flags.ts';
import { FlagCommand } from './flag-command.ts';
import { printable } from './printable.ts';

/** Adds one command to the program. What it `ends` with is the exit status. */
export type AddCommand = (program: Command, cli: Cli, ends: Ends) => void;

/** Wraps an action so that the number it answers becomes the exit status. */
export type Ends = <A extends readonly unknown[]>(action: (...args: A) => Promise<number>) => (...args: A) => Promise<void>;

/**
 * Runs the command line. Answers the exit status: the command's own, 1 for a mistake of the user's or a defect of ours. `commands` may be
 * a part of all: main.ts loads only the chunk that the arguments ask for.
 */
export async function runProgram(commands: readonly AddCommand[], argv: readonly string[], cli: Cli): Promise<number> {
  let status = 0;
  const ends: Ends = (action) => async (...args) => {
    status = await action(...args);
  };
  const program = new FlagCommand('bayplan')
    .description('Brings up the containers of a Compose file with its own runtime.')
    .option('--root <folder>', 'the engine\'s folder (default: $BAYPLAN_ROOT or /var/lib/bayplan)')
    .option('-p, --project-name <name>', 'name of the stack (default: as the file or its folder is called)')
    .option('-f, --file <file>', 'stack file, may be repeated; "-" is standard input (default: compose.yaml)', collect)
    .option('--project-directory <folder>', 'what paths in the stack file are relative to (default: the folder of the file)')
    .option('--profile <name>', 'take services of this profile too, may be repeated', collect)
    .option('--env-file <file>', 'read variables from this file instead of .env, may be repeated', collect)
    .version(`bayplan ${cli.version}`, '-v, --version', 'print the version of this program')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: (text) => cli.stdout.write(text), writeErr: (text) => cli.stderr.write(text), outputError: (text, write) => write(text.replace(/^error: /, 'bayplan: ')) });
  addComposeFlags(program, cli);
  for (const add of commands) add(program, cli, ends);
  addDryRun(program.commands);
  for (const command of program.commands) command.exitOverride().copyInheritedSettings(program);
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 || error.code === 'commander.help' && argv.length === 0 ? 0 : 1;
    cli.stderr.write(`${describe(error, cli.env['BAYPLAN_DEBUG'] === '1')}\n`);
    return 1;
  }
}

/** A user's mistake is its message; a defect of ours says so, and shows its stack where that is asked for. */
function describe(error: unknown, debug: boolean): string {
  const message = error instanceof Error ? error.message : String(error);
  // The engine's chunk has a class of its own of that name.
  if (error instanceof Error && error.name === 'BayplanError' && !debug) return `bayplan: ${printable(message)}`;
  if (debug) return error instanceof Error ? (error.stack ?? message) : message;
  return `bayplan: unexpected error: ${printable(message.split('\n', 1)[0] ?? '')} (a defect; BAYPLAN_DEBUG=1 shows where)`;
}

/** For options that may be repeated. */
export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}
