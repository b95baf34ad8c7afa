/** Put in by the bundler from package.json. */
declare const BAYPLAN_VERSION: string | undefined;

export const VERSION = typeof BAYPLAN_VERSION === 'string' ? BAYPLAN_VERSION : '0.0.0-source';
