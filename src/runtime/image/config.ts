import * as z from 'zod';
import type { Healthcheck } from '../../state/container.ts';
import type { ImageConfig } from '../../state/image.ts';
import { exposedPorts } from '../../state/exposed-ports.ts';
import { Digest } from './oci.ts';

const Strings = z.array(z.string()).nullish();
const Keys = z.record(z.string(), z.unknown()).nullish();

/** OCI image configuration (config.md) with Docker's Healthcheck, as far as it is read. Durations are ns. */
export const ConfigFile = z.looseObject({
  architecture: z.string().optional(),
  os: z.string().optional(),
  variant: z.string().nullish(),
  author: z.string().nullish(),
  comment: z.string().nullish(),
  created: z.string().nullish(),
  config: z.looseObject({
    Entrypoint: Strings, Cmd: Strings, Env: Strings,
    User: z.string().nullish(), WorkingDir: z.string().nullish(), StopSignal: z.string().nullish(),
    Labels: z.record(z.string(), z.string()).nullish(), ExposedPorts: Keys, Volumes: Keys,
    Healthcheck: z.looseObject({
      Test: Strings,
      Interval: z.number().nullish(), Timeout: z.number().nullish(), StartPeriod: z.number().nullish(), StartInterval: z.number().nullish(),
      Retries: z.int().nullish(),
    }).nullish(),
  }).nullish(),
  history: z.array(z.looseObject({
    created: z.string().nullish(), created_by: z.string().nullish(), comment: z.string().nullish(), empty_layer: z.boolean().nullish(),
  })).nullish(),
  rootfs: z.looseObject({ type: z.literal('layers'), diff_ids: z.array(Digest).nullish().transform((ids) => ids ?? []) }),
});
export type ConfigFile = z.infer<typeof ConfigFile>;

/** What containers are made from, in our canonical form. */
export function imageConfig(file: ConfigFile): ImageConfig {
  const config = file.config ?? {};
  return {
    entrypoint: config.Entrypoint ?? [],
    command: config.Cmd ?? [],
    environment: config.Env ?? [],
    user: config.User ?? '',
    workingDir: config.WorkingDir ?? '',
    labels: config.Labels ?? {},
    stopSignal: config.StopSignal ?? '',
    healthcheck: healthcheck(config.Healthcheck),
    exposedPorts: [...new Set(Object.keys(config.ExposedPorts ?? {}).flatMap((key) => exposedPorts(key) ?? []))].sort(),
    volumes: Object.keys(config.Volumes ?? {}).sort(),
  };
}

/** When the image was made, ms since the epoch; 0 where it does not say. */
export function createdAt(file: ConfigFile): number {
  const time = Date.parse(file.created ?? '');
  return Number.isNaN(time) ? 0 : time;
}

type ConfigHealthcheck = NonNullable<NonNullable<ConfigFile['config']>['Healthcheck']>;

/** A zero or missing duration means Docker's default. */
function healthcheck(check: ConfigHealthcheck | null | undefined): Healthcheck | null {
  if (check?.Test === undefined || check.Test === null || check.Test.length === 0) return null;
  const ms = (nanoseconds: number | null | undefined, standard: number): number => (nanoseconds ? nanoseconds / 1e6 : standard);
  return {
    test: check.Test,
    intervalMs: ms(check.Interval, 30_000),
    timeoutMs: ms(check.Timeout, 30_000),
    startPeriodMs: ms(check.StartPeriod, 0),
    startIntervalMs: ms(check.StartInterval, 5_000),
    retries: check.Retries ? Math.max(1, check.Retries) : 3,
  };
}
