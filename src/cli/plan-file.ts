import { randomBytes } from 'node:crypto';
import { readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as z from 'zod';
import { BayplanError } from '../state/bayplan-error.ts';
import { PLAN_FILE_VERSION, PlanFile } from '../state/plan-file.ts';
import { statOf } from '../state/stat-of.ts';
import { isEndless } from './endless.ts';

/** Keeps a plan, readable for its owner alone, also where a file of that name is there already. A link stays one, and what is no file, such as /dev/stdout, is written into. */
export function writePlanFile(file: string, plan: PlanFile, folder: string): void {
  const text = `${JSON.stringify(plan, null, 2)}\n`;
  try {
    const there = statOf(resolve(folder, file));
    if (there === undefined) replace(resolve(folder, file), text);
    else if (there.isFile()) replace(realpathSync(resolve(folder, file)), text);
    else writeFileSync(resolve(folder, file), text);
  } catch (error) {
    throw new BayplanError('unwritable', `cannot write ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function replace(path: string, text: string): void {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    writeFileSync(temporary, text, { mode: 0o600, flag: 'wx' });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** `-` is standard input. Throws a BayplanError that says what is wrong with the file. */
export function readPlanFile(file: string, folder: string): PlanFile {
  let value: unknown;
  if (file !== '-' && isEndless(resolve(folder, file))) throw new BayplanError('unreadable', `cannot read ${file}: it is a device, or too large to be a plan`);
  try {
    value = JSON.parse(readFileSync(file === '-' ? 0 : resolve(folder, file), 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) throw new BayplanError('bad-plan', `${file} is no plan: it is not JSON; make one with \`plan -o FILE\``);
    throw new BayplanError('unreadable', `cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const head = z.object({ kind: z.string(), version: z.number() }).safeParse(value);
  if (!head.success || head.data.kind !== 'bayplan-plan') throw new BayplanError('bad-plan', `${file} is no plan; make one with \`plan -o FILE\``);
  const { version } = head.data;
  if (version !== PLAN_FILE_VERSION) throw new BayplanError('bad-plan', `${file} is a plan of version ${version}, and this program knows version ${PLAN_FILE_VERSION}: ${version > PLAN_FILE_VERSION ? 'use a newer bayplan, or ' : ''}make the plan anew`);
  const plan = PlanFile.safeParse(value);
  if (plan.success) return plan.data;
  const [issue] = plan.error.issues;
  throw new BayplanError('bad-plan', `${file} is a damaged plan: ${issue === undefined ? 'unknown' : `${issue.path.join('.')}: ${issue.message}`}; make it anew with \`plan -o FILE\``);
}
