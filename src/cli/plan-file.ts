import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as z from 'zod';
import { BayplanError } from '../state/bayplan-error.ts';
import { PLAN_FILE_VERSION, PlanFile } from '../state/plan-file.ts';

/** Keeps a plan, readable for its owner alone, also where a file of that name is there already. */
export function writePlanFile(file: string, plan: PlanFile, folder: string): void {
  const path = resolve(folder, file);
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    writeFileSync(temporary, `${JSON.stringify(plan, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new BayplanError('unwritable', `cannot write ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Throws a BayplanError that says what is wrong with the file. */
export function readPlanFile(file: string, folder: string): PlanFile {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(resolve(folder, file), 'utf8'));
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
