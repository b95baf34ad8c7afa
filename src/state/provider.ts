import * as z from 'zod';

/** A service that a program of somebody else's provides, and what that has answered: the variables that whoever depends on the service gets. */
export const Provider = z.strictObject({
  type: z.string(),
  options: z.record(z.string(), z.array(z.string())),
  /** Names without the prefix of the service. */
  variables: z.record(z.string(), z.string()),
  /** Names as they are. */
  raw: z.record(z.string(), z.string()),
});
export type Provider = z.infer<typeof Provider>;

/** By service. */
export type Providers = Readonly<Record<string, Provider>>;
