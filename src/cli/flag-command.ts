import { Command, type ParseOptionsResult } from 'commander';
import { BayplanError } from '../state/bayplan-error.ts';

const SAID: ReadonlyMap<string, boolean> = new Map([...['1', 't', 'T', 'true', 'TRUE', 'True'].map((word) => [word, true] as const), ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((word) => [word, false] as const)]);

/** A command whose flags without a value take `=true` and `=false` too, as docker compose's do; `--x=false` is `--no-x`, or what was not asked for. */
export class FlagCommand extends Command {
  #passesThrough = false;

  override createCommand(name?: string): Command {
    return new FlagCommand(name);
  }

  override passThroughOptions(passes = true): this {
    this.#passesThrough = passes;
    return super.passThroughOptions(passes);
  }

  override parseOptions(args: string[]): ParseOptionsResult {
    return super.parseOptions(this.#plain(args));
  }

  #plain(args: readonly string[]): string[] {
    const plain: string[] = [];
    for (let at = 0; at < args.length; at++) {
      const arg = args[at] ?? '';
      // What follows is another command's, or another program's.
      if (arg === '--' || (!arg.startsWith('-') && (this.#passesThrough || this.commands.length > 0))) return [...plain, ...args.slice(at)];
      const [, name = arg, said] = /^(--[^=]+|-\w)=(.*)$/s.exec(arg) ?? [];
      const option = this.options.find(({ short, long }) => name === short || name === long);
      if (option === undefined || option.required || option.optional || said === undefined) {
        plain.push(arg);
        if (option?.required === true && said === undefined && at + 1 < args.length) plain.push(args[++at] ?? '');
        continue;
      }
      const on = SAID.get(said);
      if (on === undefined) throw new BayplanError('bad-request', `option ${name}: expected true or false, got ${JSON.stringify(said)}`);
      const opposite = `--no-${option.name()}`;
      if (on) plain.push(name);
      else if (!option.negate && this.options.some(({ long, required }) => long === opposite && !required)) plain.push(opposite);
      else if (!option.negate) this.setOptionValueWithSource(option.attributeName(), false, 'cli'); // a variable that says otherwise does not count
    }
    return plain;
  }
}
