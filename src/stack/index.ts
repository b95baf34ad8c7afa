export { configOf, configYaml } from './config.ts';
export { contentBytes } from './contents.ts';
export { desiredOf } from './desired.ts';
export { findStackFiles } from './find-stack-files.ts';
export { loadStack } from './load.ts';
export type { LoadInput, LoadResult } from './load.ts';
export { formatMistake } from './mistake.ts';
export type { Mistake } from './mistake.ts';
export type { Project } from './project.ts';
