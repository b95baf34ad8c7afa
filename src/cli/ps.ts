import { InvalidArgumentError } from 'commander';
import { containersPath, nameOf, type ContainerSummary } from '../client/container-summary.ts';
import { EngineAbsent } from '../client/errors.ts';
import { containerSummaries, listedStacks } from '../client/answers.ts';
import { jsonLine, quickRequest, textOf } from '../client/quick-request.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { addStackOptions, addTemplateFormat, isFormatted, rootOf, type StackOptions } from './options.ts';
import { collect, type AddCommand } from './program.ts';
import { psRecord, psTable } from './ps-rows.ts';
import { tellSetAside } from './set-aside.ts';
import { stackNameOf } from './stack-name.ts';

interface PsOptions extends StackOptions {
  readonly all?: boolean; readonly format?: string; readonly quiet?: boolean; readonly services?: boolean; readonly status?: readonly string[]; readonly filter?: readonly string[];
  readonly orphans: boolean | string; readonly trunc: boolean;
}

const STATES: readonly string[] = ['paused', 'restarting', 'removing', 'running', 'dead', 'created', 'exited'];

export const addPs: AddCommand = (program, cli, ends) => {
  addTemplateFormat(addStackOptions(program.command('ps').description('list the stack\'s containers')))
    .argument('[service...]', 'only those of these services')
    .option('-a, --all', 'those that do not run, and one-offs, too')
    .option('-q, --quiet', 'ids alone').option('--services', 'names of services alone')
    .option('--status <state>', `those in this state, may be repeated: ${STATES.join(', ')}`, state)
    .option('--filter <status=STATE>', 'the same', (text: string, before: readonly string[] | undefined) => {
      if (!text.startsWith('status=')) throw new InvalidArgumentError('Expected status=STATE.');
      return state(text.slice('status='.length), before);
    })
    .option('--orphans [yes]', 'those of services that the stack no longer has (default: true)', true).option('--no-orphans', 'without those')
    .option('--no-trunc', 'whole ids and commands')
    .action(ends(async (services: readonly string[], _own: PsOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<PsOptions>();
      const root = rootOf(options, cli);
      const name = await stackNameOf(options, cli);
      const get = async (path: string): Promise<string> => {
        const ask = async (): Promise<string> => await textOf(await quickRequest(cli.socketOf(root), 'GET', path));
        return await ask().catch(async (error: unknown) => {
          if (!(error instanceof EngineAbsent)) throw error;
          const { startEngine } = await import('../client/start-engine.ts');
          await startEngine(root, cli.program);
          return await ask();
        });
      };
      await tellSetAside(name, get, cli);
      const states = [...(options.status ?? []), ...(options.filter ?? [])];
      const all = jsonLine(await get(containersPath(name, options.all === true || states.length > 0 || services.length > 0)), containerSummaries);
      const known = services.length > 0 || options.orphans === false || options.orphans === 'false' ? await knownServices(name, get) : null;
      const unknown = services.find((service) => known?.includes(service) !== true && !all.some(({ Bayplan }) => Bayplan.service === service));
      if (unknown !== undefined) throw new BayplanError('no-service', `no service "${unknown}" in stack "${name}"`);
      const found = all.filter(({ Bayplan, State }) => (options.all === true || Bayplan.owner === 'stack') && (services.length === 0 || services.includes(Bayplan.service))
        && (states.length === 0 ? options.all === true || ['running', 'paused'].includes(State) : states.includes(State))
        && (options.orphans === true || options.orphans === 'true' || known?.includes(Bayplan.service) === true)).toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
      cli.stdout.write(await shown(found, options));
      if (options.quiet === true || options.services === true || isFormatted(options.format)) return 0;
      for (const one of found) for (const { source, target } of one.Bayplan.replaced ?? []) {
        cli.stderr.write(`note: container ${nameOf(one)} has at ${target} what was ${source} before that was replaced on the host: \`up --force-recreate ${one.Bayplan.service}\` gives it what is there now\n`);
      }
      return 0;
    }));
};

async function shown(found: readonly ContainerSummary[], options: PsOptions): Promise<string> {
  if (options.services === true) return [...new Set(found.map(({ Bayplan }) => Bayplan.service))].toSorted().map((service) => `${service}\n`).join('');
  if (options.quiet === true) return found.map(({ Id }) => `${Id}\n`).join('');
  const now = Date.now();
  if (!isFormatted(options.format)) return psTable(found, now, options.trunc);
  const { formatted } = await import('./list-format.ts');
  return formatted(options.format, found.map((one) => psRecord(one, now, options.trunc)), { titles: { ID: 'CONTAINER ID', RunningFor: 'CREATED' }, labels: found.map(({ Labels }) => Labels) });
}

function state(value: string, before: readonly string[] | undefined): readonly string[] {
  if (!STATES.includes(value)) throw new InvalidArgumentError(`Expected one of ${STATES.join(', ')}.`);
  return collect(value, before);
}

/** Services that the stack has, those that are not asked for too; none where nothing is kept of it. */
async function knownServices(stack: string, get: (path: string) => Promise<string>): Promise<readonly string[]> {
  const stacks = jsonLine(await get('/stacks'), listedStacks);
  const desired = stacks.find(({ name }) => name === stack)?.desired;
  return desired === null || desired === undefined ? [] : [...Object.keys(desired.services), ...desired.inactive];
}
