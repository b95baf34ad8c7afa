import type { Logging } from '../state/logging.ts';
import type { ServiceConfig } from './service-schema.ts';

export function loggingOf({ logging }: Pick<ServiceConfig, 'logging'>): Logging {
  return { driver: logging?.driver ?? '', options: Object.fromEntries(Object.entries(logging?.options ?? {}).flatMap(([name, value]) => (value === null ? [] : [[name, value]]))) };
}
