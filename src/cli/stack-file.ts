// What reads stack files is most of the program's code. Commands import it from here, and only when they need it: `await import(…)`.
export { configJson, configYaml, rawJson, rawYaml, desiredOf, desiredOneOff, oneOffProject, serviceHash, servicesInOrder } from '../stack/index.ts';
export { envFromFiles } from './env-from-files.ts';
export { StackWatch } from './stack-watch.ts';
export { lockWatch } from './watch-lock.ts';
export { loadOf, loadProject, loadRawModel, loadSilently } from './load-project.ts';
export { bringUpProviders, knownProviders, providersAsked, providerSteps } from './providers.ts';
export { requestOf } from './request-of.ts';
export { bringingUp, upRequest } from './up-request.ts';
