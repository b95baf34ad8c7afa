// The client derives the socket's path too, so the names stand with the vocabulary.
export { DEFAULT_ROOT, pathsOf, type Paths } from '../state/paths.ts';
