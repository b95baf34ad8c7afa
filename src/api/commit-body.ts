import * as z from 'zod';

const Words = z.array(z.string()).nullish();
const Keys = z.record(z.string(), z.unknown()).nullish();

/** What the body of `POST /commit` says of how the image is to run; some clients send none, or `null`. */
export const CommitBody = z.object({
  User: z.string().nullish(), WorkingDir: z.string().nullish(), StopSignal: z.string().nullish(), Env: Words, Labels: z.record(z.string(), z.string()).nullish(), ExposedPorts: Keys, Volumes: Keys,
  Entrypoint: z.union([Words, z.string()]), Cmd: z.union([Words, z.string()]),
}).nullable();
export type CommitBody = z.infer<typeof CommitBody>;

const quoted = (value: string): string => `"${value.replace(/["\\$]/g, '\\$&')}"`;
const some = (name: string, value: string | null | undefined): readonly string[] => (value === null || value === undefined || value === '' ? [] : [`${name} ${value.replace(/\$/g, '\\$')}`]);
const list = (name: string, value: readonly string[] | string | null | undefined): readonly string[] => {
  const words = typeof value === 'string' ? [value] : value ?? [];
  return words.length === 0 ? [] : [`${name} ${JSON.stringify(words)}`];
};

/** The same as instructions of a Dockerfile. */
export function instructionsOf(body: CommitBody): readonly string[] {
  if (body === null) return [];
  return [
    ...some('USER', body.User), ...some('WORKDIR', body.WorkingDir), ...some('STOPSIGNAL', body.StopSignal),
    ...(body.Env ?? []).map((entry) => `ENV ${quoted(entry)}`), ...Object.entries(body.Labels ?? {}).map(([name, value]) => `LABEL ${quoted(`${name}=${value}`)}`),
    ...Object.keys(body.ExposedPorts ?? {}).map((port) => `EXPOSE ${port}`), ...list('VOLUME', Object.keys(body.Volumes ?? {})),
    ...list('ENTRYPOINT', body.Entrypoint), ...list('CMD', body.Cmd),
  ];
}
