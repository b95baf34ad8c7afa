import type { Readable } from 'node:stream';
import * as z from 'zod';
import { BayplanError } from '../state/bayplan-error.ts';
import { parseJson, readText, refusal } from './request-body.ts';

const Head = z.looseObject({ version: z.int() });

/**
 * A message of bayplan's own command line, which may be of another version than the engine that has been running for long. The rule: fields are only added within a version; one that
 * this engine does not know would change what is meant, so it is refused rather than left out, as is a message of a newer version, or one without a field that is needed by now. Each is
 * told in a line that says who is older and what to do.
 */
export async function readMessage<S extends z.ZodType>(request: Readable, schema: S, engine: string): Promise<z.infer<S>> {
  const value = parseJson(await readText(request));
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = all(parsed.error.issues);
  const restart = `engine ${engine} is older than this command line: restart it by "bayplan engine stop" and run the command again; containers go on`;
  const version = Head.safeParse(value).data?.version ?? 1;
  if (version > 1) throw new BayplanError('engine-older', `the request is of version ${version}: ${restart}`);
  const strange = issues.find((issue) => issue.code === 'unrecognized_keys');
  if (strange?.code === 'unrecognized_keys') throw new BayplanError('engine-older', `${[...strange.path, strange.keys[0]].join('.')} is not known: ${restart}`);
  const missing = issues.find((issue) => issue.code === 'invalid_type' && issue.message.endsWith('received undefined'));
  if (missing !== undefined && missing.path.length > 0) throw new BayplanError('client-older', `${missing.path.join('.')} is missing: this command line is older than engine ${engine}: use the one that came with it`);
  throw refusal(parsed.error);
}

/** Those of alternatives too. */
function all(issues: readonly z.core.$ZodIssue[]): readonly z.core.$ZodIssue[] {
  return issues.flatMap((issue) => (issue.code === 'invalid_union' ? issue.errors.flatMap((errors) => all(errors).map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }))) : [issue]));
}
