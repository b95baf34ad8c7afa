import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { JobRecord } from '../../src/engine/job-record.ts';
import { RevisionRecord, StackRecord } from '../../src/engine/stack-record.ts';
import { ContainerRecord } from '../../src/runtime/container/record.ts';
import { PlanFile } from '../../src/state/plan-file.ts';
import { DriftFile } from '../../src/engine/drift-notes.ts';
import { MarkFile } from '../../src/engine/pass-marks.ts';
import { KnownHealth } from '../../src/runtime/container/container-notes.ts';
import { NetworkRecord } from '../../src/runtime/network/network-record.ts';
import { VolumeRecord } from '../../src/runtime/volume/volume-store.ts';

/** Digest of all fields of a record, with those of what is in it. */
const shapeOf = (record: z.ZodType): string => createHash('sha256').update(JSON.stringify(z.toJSONSchema(record, { io: 'output', unrepresentable: 'any' }))).digest('hex').slice(0, 16);

// Records are strict: an engine from before calls one that has a new field damaged where its version is the same, and too new where that was raised. If this is red, raise the record's version beside
// its schema, say there what is new, and put the new digest here.
test('a record that changes its shape changes its version', () => {
  expect({ container: shapeOf(ContainerRecord), stack: shapeOf(StackRecord), revision: shapeOf(RevisionRecord), network: shapeOf(NetworkRecord), jobs: shapeOf(JobRecord), plan: shapeOf(PlanFile),
    volume: shapeOf(VolumeRecord), pass: shapeOf(MarkFile), drift: shapeOf(DriftFile), health: shapeOf(KnownHealth) }).toEqual({ container: '5e09796e5031f115', stack: '5b7b61bee3f6bab5', revision: 'bcff15f8ea6f83eb', network: 'dc0d60fcb919d557', jobs: '41546461bfb71b15', plan: '478ab59d97934c5f',
    volume: '835e6a51c1ead310', pass: 'd31f38bf45aff627', drift: '0e72904e395c1dde', health: 'cf86e5c2c770a2ce' });
});
