import type { Drift, DriftAnswer } from '../state/drift.ts';
import type { JobAnswer, JobRun, JobStarted } from '../state/job.ts';
import type { LogLine, PassEvent, PlanAnswer, RevisionAnswer, SetAsideAnswer, StackAnswer, SweepAnswer } from '../state/messages.ts';
import type { Plan, Step } from '../state/plan.ts';
import type { StackArtifact } from '../state/stack-artifact.ts';
import type { ContainerSummary } from './container-summary.ts';
import { anything, fields, flag, list, nullable, number, oneOf, optional, type Outline, table, taken, text } from './outline.ts';

// What the engine answers the command line, as far as that looks at it.

const step = taken<Step>(fields<Pick<Step, 'id' | 'action' | 'needs' | 'why'> & { readonly args: object }>({ id: text, action: taken(text), needs: list(text), why: text, args: anything })); // they are printed, and their names looked at
const plan: Outline<Plan> = fields<Plan>({ steps: list(step), notes: list(text), wakeAt: nullable(number) });

export const planAnswer: Outline<PlanAnswer> = fields<PlanAnswer>({ version: oneOf(1), revision: number, digest: text, plan, settings: optional(list(text)) });

const EVENTS: Readonly<Record<PassEvent['type'], Outline<PassEvent>>> = {
  plan: fields<Extract<PassEvent, { type: 'plan' }>>({ plan }),
  step: fields<Extract<PassEvent, { type: 'step' }>>({ id: text, state: oneOf('started', 'done', 'failed', 'skipped', 'cancelled'), ms: number, message: text }),
  progress: fields<Extract<PassEvent, { type: 'progress' }>>({ id: text, part: text, state: oneOf('waiting', 'present', 'downloading', 'retrying', 'unpacking', 'uploading', 'mounted', 'done'), current: number, total: number, why: optional(text) }),
  end: fields<Extract<PassEvent, { type: 'end' }>>({ ok: flag, revision: number, message: text }),
};
const typed = fields<Pick<PassEvent, 'version' | 'type'>>({ version: oneOf(1), type: oneOf('plan', 'step', 'progress', 'end') });
export const passEvent: Outline<PassEvent> = (value, at) => EVENTS[typed(value, at).type](value, at);

const source = fields<StackAnswer['source']>({ workingDir: text, files: taken(list(text)) });
type Desired = NonNullable<StackAnswer['desired']>;
const desired = fields<Desired>({ stack: text, services: taken(table(anything)), inactive: taken(list(text)) });
const actual = fields<StackAnswer['actual']>({ containers: taken(table(anything)) });
export const stackAnswer: Outline<StackAnswer> = fields<StackAnswer>({ version: oneOf(1), name: text, revision: number, source, desired: nullable(desired), actual });
/** Elements of the list have no `actual`. */
export type ListedStack = Pick<StackAnswer, 'name' | 'revision' | 'source' | 'desired'>;
export const listedStacks: Outline<readonly ListedStack[]> = list(fields<ListedStack>({ name: text, revision: number, source, desired: nullable(desired) }));

export const revisions: Outline<readonly RevisionAnswer[]> = list(fields<RevisionAnswer>({ revision: number, at: number, title: text, why: optional(text), current: flag, changes: list(text) }));
const drift = fields<Drift>({ field: text, expected: text, found: text, by: optional(text) });
export const driftAnswers: Outline<readonly DriftAnswer[]> = list(fields<DriftAnswer>({ object: oneOf('container', 'network', 'volume'), name: text, drift: list(drift), fate: oneOf('heal', 'report', 'held'), state: taken(text) }));
const jobRun = fields<JobRun>({ run: number, container: text, slot: nullable(number), attempt: number, startedAt: number, finishedAt: number, exitCode: number, error: text });
export const jobAnswers: Outline<readonly JobAnswer[]> = list(fields<JobAnswer>({ service: text, next: nullable(number), phase: oneOf('idle', 'running', 'stopping', 'retrying'), waiting: number, runs: list(jobRun) }));
export const jobStarted: Outline<JobStarted> = fields<JobStarted>({ run: nullable(jobRun) });
export const logLine: Outline<LogLine> = fields<LogLine>({ container: text, service: text, stream: oneOf('stdout', 'stderr'), time: number, nanoseconds: optional(number), line: text, base64: optional(text), ended: optional(number) });
export const setAsideAnswer: Outline<Pick<SetAsideAnswer, 'lines'>> = fields<Pick<SetAsideAnswer, 'lines'>>({ lines: list(text) });
export const sweepAnswer: Outline<SweepAnswer> = fields<SweepAnswer>({ removed: list(text), kept: list(text) });

export const containerSummaries: Outline<readonly ContainerSummary[]> = list(fields<ContainerSummary>({
  Id: text, Names: list(text), Image: text, ImageID: text, Command: text, Created: number, State: text, Status: text, Labels: table(text),
  Ports: list(fields<ContainerSummary['Ports'][number]>({ IP: optional(text), PrivatePort: number, PublicPort: optional(number), Type: text })),
  NetworkSettings: fields<ContainerSummary['NetworkSettings']>({ Networks: table((value) => value) }),
  Mounts: list(fields<ContainerSummary['Mounts'][number]>({ Type: text, Name: optional(text), Source: text })),
  Bayplan: fields<ContainerSummary['Bayplan']>({
    owner: text, stack: text, service: text, slot: number, exitCode: number, health: text, replaced: optional(list(fields<{ readonly source: string; readonly target: string }>({ source: text, target: text }))),
  }),
}));

export const stackArtifact: Outline<StackArtifact> = fields<StackArtifact>({ version: oneOf(1), digest: text, files: taken(table(text)) });
