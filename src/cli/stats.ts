import { nameOf, type ContainerSummary } from '../client/container-summary.ts';
import { clientOf } from './client-of.ts';
import { jsonLine, linesOf } from '../client/quick-request.ts';
import type { EngineClient } from '../client/engine-client.ts';
import { addStackOptions, addTemplateFormat, isFormatted, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';
import { serviceContainers } from './service-containers.ts';
import { stackNameOf } from './stack-name.ts';
import { statsOutline, statsRow, type Stats, type StatsRow } from './stats-row.ts';
import { table } from './table.ts';

interface StatsOptions extends StackOptions { readonly all?: boolean; readonly format?: string; readonly stream: boolean; readonly trunc: boolean }

/** So long is waited for the others' counts once one's have come. */
const REDRAW_MS = 1000;
const CLEAR = '\u001b[H\u001b[2J';

export const addStats: AddCommand = (program, cli, ends) => {
  addTemplateFormat(addStackOptions(program.command('stats').description('show what containers use, each second')))
    .argument('[service...]', 'only those of these services')
    .option('-a, --all', 'those that do not run too').option('--no-stream', 'once').option('--no-trunc', 'whole ids')
    .action(ends(async (services: readonly string[], _own: StatsOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<StatsOptions>();
      const client = clientOf(options, cli);
      const containers = await serviceContainers(await stackNameOf(options, cli), services, options.all === true, client, cli);
      const form = isFormatted(options.format) ? await formatOf(options.format) : null;
      const show = (found: ReadonlyMap<string, StatsRow>): void => {
        const rows = containers.flatMap(({ Id }) => found.get(Id) ?? []);
        cli.stdout.write(form !== null ? form(rows) : `${options.stream && cli.stdout.isTTY === true ? CLEAR : ''}${tableOf(rows)}`);
      };
      const latest = new Map<string, StatsRow>();
      const follow = async (container: ContainerSummary): Promise<void> => {
        let before: Stats | null = null;
        for await (const stats of statsOf(container, options.stream, client)) {
          latest.set(container.Id, statsRow(stats, before, { id: container.Id, name: nameOf(container), whole: !options.trunc }));
          before = stats;
        }
        if (options.stream) latest.delete(container.Id); // it is gone
      };
      const all = Promise.all(containers.map(follow));
      if (!options.stream) {
        await all;
        show(latest);
        return 0;
      }
      const timer = setInterval(() => show(latest), REDRAW_MS);
      await all.finally(() => clearInterval(timer));
      return 0;
    }));
};

async function* statsOf({ Id }: ContainerSummary, stream: boolean, client: EngineClient): AsyncGenerator<Stats> {
  for await (const line of linesOf(await client.send('GET', `/containers/${Id}/stats?stream=${Number(stream)}`))) yield jsonLine(line, statsOutline);
}

/** Docker's titles, for `table TEMPLATE`. */
async function formatOf(format: string): Promise<(rows: readonly StatsRow[]) => string> {
  const { formatted } = await import('./list-format.ts');
  return (rows) => formatted(format, rows, { titles: { ID: 'CONTAINER ID', CPUPerc: 'CPU %', MemUsage: 'MEM USAGE / LIMIT', MemPerc: 'MEM %', NetIO: 'NET I/O', BlockIO: 'BLOCK I/O', PIDs: 'PIDS' } });
}

function tableOf(rows: readonly StatsRow[]): string {
  return table(['CONTAINER ID', 'NAME', 'CPU %', 'MEM USAGE / LIMIT', 'MEM %', 'NET I/O', 'BLOCK I/O', 'PIDS'],
    rows.map((row) => [row.ID, row.Name, row.CPUPerc, row.MemUsage, row.MemPerc, row.NetIO, row.BlockIO, row.PIDs]));
}
