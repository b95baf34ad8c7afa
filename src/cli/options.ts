import { resolve } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { DEFAULT_ROOT } from '../state/paths.ts';
import type { Cli } from './cli.ts';
import { progressMode, type ProgressMode } from './progress-mode.ts';
import { collect } from './program.ts';

/** Options that all commands about a stack have, before the command's name or after it. */
export interface StackOptions {
  readonly root?: string;
  readonly projectName?: string;
  readonly file?: readonly string[];
  readonly profile?: readonly string[];
  readonly envFile?: readonly string[];
  readonly projectDirectory?: string;
  /** Before the command: networks and volumes that no service uses too. */
  readonly allResources?: boolean;
  readonly ansi?: string;
  /** Of commands that change something. */
  readonly dryRun?: boolean;
}

/** `short`: false where `-f` means something else to the command. */
export function addStackOptions(command: Command, short = true): Command {
  return command
    .option('-p, --project-name <name>', 'name of the stack (default: as the file or its folder is called)')
    .option(`${short ? '-f, ' : ''}--file <file>`, 'stack file, may be repeated; "-" is standard input (default: compose.yaml)', collect)
    .option('--project-directory <folder>', 'what paths in the stack file are relative to (default: the folder of the file)');
}

/** What only commands that load the file have. */
export function addFileOptions(command: Command, short = true): Command {
  return addStackOptions(command, short)
    .option('--profile <name>', 'take services of this profile too, may be repeated', collect)
    .option('--env-file <file>', 'read variables from this file instead of .env, may be repeated', collect);
}

/** Options of commands that a stack's services are arguments of. */
export interface ServicesOptions extends StackOptions { readonly progress: ProgressMode }

export function addServices(command: Command, short = true): Command {
  return addFileOptions(command.argument('[service...]', 'only these services'), short)
    .option('--progress <how>', 'how to show what is done: auto, tty, plain, json or quiet', progressMode, 'auto');
}

/** An absolute, normalised root folder. */
export function rootOf(options: { readonly root?: string }, cli: Cli): string {
  const given = options.root ?? cli.env['BAYPLAN_ROOT'];
  return given === undefined || given === '' ? DEFAULT_ROOT : resolve(cli.cwd, given);
}

/** `short`: with `-f`. */
export function addFormat(command: Command, short = false): Command {
  return command.option(`${short ? '-f, ' : ''}--format <format>`, '"json", or the default for people', (value) => {
    if (value !== 'json' && value !== 'table' && value !== 'pretty') throw new InvalidArgumentError('Expected json or table.');
    return value === 'json' ? 'json' : 'table'; // docker compose says `pretty` in some places
  });
}

/** The same, or a template as docker's: `{{.Name}}`, `table {{.Name}}\t{{.State}}`. */
export function addTemplateFormat(command: Command, short = false): Command {
  return command.option(`${short ? '-f, ' : ''}--format <format>`, '"json", a Go template, or the default for people', (value) => {
    if (/^\w+$/.test(value) && value !== 'json' && value !== 'table' && value !== 'pretty') throw new InvalidArgumentError('Expected json, table, or a template with {{.Field}}.');
    return value === 'pretty' || value === '' ? 'table' : value;
  });
}

/** Whether something else than the table is asked for; list-format.ts has it then, which only those load. */
export function isFormatted(format: string | undefined): format is string {
  return format !== undefined && format !== 'table';
}

export function seconds(value: string): number {
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError('Expected a whole number of seconds.');
  return Number(value);
}

export function revisionNumber(value: string): number {
  if (!/^[1-9]\d{0,8}$/.test(value)) throw new InvalidArgumentError('Expected the number of a revision.');
  return Number(value);
}

export function lineCount(value: string): string {
  if (!/^(\d+|all)$/.test(value)) throw new InvalidArgumentError('Expected a number of lines, or "all".');
  return value;
}
