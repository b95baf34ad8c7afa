import { expect, test } from 'vitest';
import { FlagCommand } from '../../src/cli/flag-command.ts';

function parse(...argv: readonly string[]): { readonly options: object; readonly args: readonly string[] } {
  let found: { readonly options: object; readonly args: readonly string[] } = { options: {}, args: [] };
  const program = new FlagCommand('p').enablePositionalOptions().exitOverride().option('--dry-run').option('--root <folder>');
  const tell = (words: readonly string[], _own: object, command: { optsWithGlobals(): object }): void => { found = { options: command.optsWithGlobals(), args: words }; };
  program.command('up').argument('[service...]').option('-d, --detach').option('--wait').option('--no-deps').option('--color', '', true).option('--no-color').option('-t, --timeout <seconds>').action(tell);
  program.command('exec').argument('<word...>').option('-d, --detach').option('-e, --env <value>').passThroughOptions().action(tell);
  program.parse([...argv], { from: 'user' });
  return found;
}

test.each<[string[], object, string[]]>([
  [['up', '--wait=true', 'web', '-d=1'], { wait: true, detach: true, deps: true, color: true }, ['web']],
  [['up', '--wait=false', '-d=F', '--no-deps=false', 'web'], { wait: false, detach: false, deps: true, color: true }, ['web']],
  [['up', '--no-deps=true', '--color=false'], { deps: false, color: false }, []],
  [['up', '-t', '--wait=true'], { timeout: '--wait=true', deps: true, color: true }, []],
  [['up', '--timeout=true', '--', '--wait=true'], { timeout: 'true', deps: true, color: true }, ['--wait=true']],
  [['--root', 'r', '--dry-run=true', 'up', '--wait=true'], { root: 'r', dryRun: true, wait: true, deps: true, color: true }, []],
  [['exec', '-d=true', '-e', 'A=b', 'web', 'program', '--detach=false', '-d=x'], { detach: true, env: 'A=b' }, ['web', 'program', '--detach=false', '-d=x']],
])('%j', (argv, options, args) => {
  expect(parse(...argv)).toEqual({ options, args });
});

test('what is neither true nor false is refused', () => {
  expect(() => parse('up', '--wait=yes')).toThrow('option --wait: expected true or false, got "yes"');
  expect(() => parse('up', '--nosuch=true')).toThrow('unknown option');
});
