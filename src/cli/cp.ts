import { pipeline } from 'node:stream/promises';
import { resolve } from 'node:path';
import { ArchiveClient } from '../client/archive-client.ts';
import { nameOf } from '../client/container-summary.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import { clientOf } from './client-of.ts';
import { tellSteps } from './dry-run.ts';
import { addStackOptions, type StackOptions } from './options.ts';
import type { AddCommand } from './program.ts';
import { serviceContainers } from './service-containers.ts';
import { stackNameOf } from './stack-name.ts';

interface CpOptions extends StackOptions { readonly index?: string; readonly archive?: boolean; readonly followLink?: boolean; readonly all?: boolean }

export const addCp: AddCommand = (program, cli, ends) => {
  addStackOptions(program.command('cp').description('copy files out of a service\'s container, or into its containers: SERVICE:PATH on one side; "-" is a tar archive'))
    .argument('<source>').argument('<target>')
    .option('-a, --archive', 'with owners').option('-L, --follow-link', 'what a link at the source\'s end leads to').option('--index <number>', 'of this one of several containers')
    .option('--all', 'accepted for docker compose\'s sake: files go into all containers of the service in any case')
    .action(ends(async (source: string, target: string, _own: CpOptions, command: { optsWithGlobals<T>(): T }) => {
      const options = command.optsWithGlobals<CpOptions>();
      const [from, to] = [placeOf(source), placeOf(target)];
      if ((from.service === null) === (to.service === null)) throw new BayplanError('bad-request', 'one of source and target, not both, has to be SERVICE:PATH');
      const engine = clientOf(options, cli);
      const client = new ArchiveClient(engine);
      const stack = await stackNameOf(options, cli);
      const service = from.service ?? to.service ?? '';
      const there = (await serviceContainers(stack, [service], true, engine, cli)).filter(({ Bayplan }) => options.index === undefined || String(Bayplan.slot) === options.index).toSorted((a, b) => a.Bayplan.slot - b.Bayplan.slot);
      const [first] = there;
      if (first === undefined) throw new BayplanError('not-found', `no container${options.index === undefined ? '' : ` ${options.index}`} of service "${service}" in stack "${stack}"`);
      if (options.dryRun === true) {
        return tellSteps(from.service !== null ? [`copy-out ${nameOf(first)}:${from.path}  (to ${to.path})`] : (from.path === '-' ? [first] : there).map((container) => `copy-in ${nameOf(container)}:${to.path}  (from ${from.path})`), cli);
      }
      const { copyIn, copyOut } = await import('./copy-files.ts');
      const how = { archive: options.archive === true, followLink: options.followLink === true };
      if (from.service !== null) {
        if (to.path === '-') await pipeline(await client.get(nameOf(first), from.path), cli.stdout, { end: false });
        else await copyOut(client, nameOf(first), from.path, withEnd(resolve(cli.cwd, to.path), to.path), how);
        if (to.path !== '-') cli.stderr.write(`${nameOf(first)} copy ${nameOf(first)}:${from.path} to ${to.path} Copied\n`);
        return 0;
      }
      if (from.path === '-') await client.put(nameOf(first), to.path, cli.stdin, how.archive); // it comes once
      else for (const container of there) {
        await copyIn(client, nameOf(container), withEnd(resolve(cli.cwd, from.path), from.path), to.path, how);
        cli.stderr.write(`${nameOf(container)} copy ${from.path} to ${nameOf(container)}:${to.path} Copied\n`);
      }
      return 0;
    }));
};

/** `SERVICE:PATH`; what begins with a dot or a slash is a path here. */
function placeOf(text: string): { readonly service: string | null; readonly path: string } {
  const at = text.indexOf(':');
  return at <= 0 || /^[./]/.test(text) ? { service: null, path: text } : { service: text.slice(0, at), path: text.slice(at + 1) };
}

/** What stands at a path's end says what is meant, and is kept. */
function withEnd(absolute: string, given: string): string {
  if (given === '.' || given.endsWith('/.')) return `${absolute}/.`;
  return given.endsWith('/') ? `${absolute}/` : absolute;
}
