import * as z from 'zod';
import { ContainerSpec } from './container.ts';
import { Care, USUAL_CARE } from './drift.ts';
import { Job } from './job.ts';
import { UpdatePolicy, USUAL_UPDATE } from './update-policy.ts';

/** Compose `depends_on`. */
export const Dependency = z.strictObject({
  condition: z.enum(['service_started', 'service_healthy', 'service_completed_successfully']),
  required: z.boolean(),
  restart: z.boolean(),
});
export type Dependency = z.infer<typeof Dependency>;

export const Service = z.strictObject({
  replicas: z.int().nonnegative(),
  /** Slots, from 1, whose container a person has removed by itself: none is made there until the next `up`. */
  vacant: z.array(z.int().positive()).optional(),
  /** `container_name`; '' gives `project-service-N`. */
  containerName: z.string(),
  dependsOn: z.record(z.string(), Dependency),
  update: UpdatePolicy.default(USUAL_UPDATE),
  /** How they are replaced by what an earlier revision had. */
  rollback: UpdatePolicy.default(USUAL_UPDATE),
  care: Care.default(USUAL_CARE),
  /** It runs on a schedule, each run in a container of its own, and has no replicas. */
  job: Job.nullable().default(null),
  /** What each replica is created from. Its `imageId`, where it is not '', is the image that is meant, whatever the name stands for by now. */
  template: ContainerSpec,
});
export type Service = z.infer<typeof Service>;
