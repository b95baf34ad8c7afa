export { BayplanError } from './state/bayplan-error.ts';
