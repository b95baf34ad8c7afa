import { fields, number, table, text as string } from '../client/outline.ts';
import { jsonLine, linesOf } from '../client/quick-request.ts';
import { clientOf } from './client-of.ts';
import { addStackOptions, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';
import { stackNameOf } from './stack-name.ts';
import { timeOption } from './time-option.ts';

interface EventsOptions extends StackOptions { readonly json?: boolean; readonly since?: string; readonly until?: string }

interface EngineEvent { readonly Type: string; readonly Action: string; readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> }; readonly timeNano: number; readonly time: number }

const engineEvent = fields<EngineEvent>({ Type: string, Action: string, Actor: fields<EngineEvent['Actor']>({ ID: string, Attributes: table(string) }), timeNano: number, time: number });

const LABELS = 'com.docker.compose.';

export const addEvents: AddCommand = (program, cli, ends) => {
  addStackOptions(program.command('events').description('show what happens to the stack\'s containers, as it happens'))
    .argument('[service...]', 'only those of these services')
    .option('--json', 'a JSON object a line').option('--since <time>', 'from this time on: a date, seconds since the epoch, or as long ago as 10m').option('--until <time>', 'up to this time')
    .action(ends(async (services: readonly string[], _own: EventsOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<EventsOptions>();
      const query = new URLSearchParams({ filters: JSON.stringify({ label: [`${LABELS}project=${await stackNameOf(options, cli)}`, `${LABELS}oneoff=False`] }) });
      for (const name of ['since', 'until'] as const) if (options[name] !== undefined) query.set(name, timeOption(options[name]));
      for await (const line of linesOf(await clientOf(options, cli).send('GET', `/events?${query}`))) {
        const event = jsonLine(line, engineEvent);
        const service = event.Actor.Attributes[`${LABELS}service`] ?? '';
        if (services.length > 0 && !services.includes(service)) continue;
        cli.stdout.write(`${options.json === true ? JSON.stringify(record(event, service)) : text(event)}\n`);
      }
      return 0;
    }));
};

function attributes({ Actor }: EngineEvent): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(Actor.Attributes).filter(([key]) => !key.startsWith(LABELS)).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function record(event: EngineEvent, service: string): object {
  return { action: event.Action, attributes: attributes(event), id: event.Actor.ID, service, time: timeOf(event), type: event.Type };
}

function text(event: EngineEvent): string {
  const more = Object.entries(attributes(event)).map(([key, value]) => `${key}=${value}`).join(', ');
  return `${timeOf(event).replace('T', ' ').replace('Z', '')} ${event.Type} ${event.Action} ${event.Actor.ID} (${more})`;
}

function timeOf({ timeNano }: EngineEvent): string {
  return new Date(timeNano / 1e6).toISOString();
}
