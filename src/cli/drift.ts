import { driftText, type DriftAnswer } from '../state/drift.ts';
import type { Cli } from './cli.ts';
import { clientOf } from './client-of.ts';
import type { StackOptions } from './options.ts';
import { printable } from './printable.ts';
import { stackNameOf } from './stack-name.ts';

/** `plan --drift`: a line for each field; exits 0 for none, 2 for some. */
export async function printDrift(options: StackOptions & { readonly format?: 'json' | 'table' }, cli: Cli): Promise<number> {
  const found = await clientOf(options, cli).drift(await stackNameOf(options, cli));
  if (options.format === 'json') cli.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
  else cli.stdout.write(found.length === 0 ? 'no drift\n' : found.flatMap(linesOf).map((line) => `${printable(line)}\n`).join(''));
  return found.some(({ fate }) => fate !== 'held') ? 2 : 0;
}

function linesOf({ object, name, drift, fate, state, error, removed }: DriftAnswer): readonly string[] {
  if (removed === true) return [`${object} ${name}: held, since somebody has removed it; up makes it anew`];
  if (fate === 'held') return [`${object} ${name}: held, since somebody has stopped it; up or start lets it go on`];
  return drift.map((one) => `${object} ${name}: ${driftText(one)}; ${fate === 'report' ? 'it is only told' : `${WORDS[state] ?? 'it is put right'}${error === undefined ? '' : `: ${error}`}`}`);
}

const WORDS: Readonly<Record<string, string>> = { 'given-up': 'it was put right twice in a row, without effect', failed: 'it could not be put right, and is tried again later and later' };
