import { build } from './build.mjs';
import { run, show } from './run.mjs';
import { SetupError } from './setup-error.mjs';

const FILE = 'examples/hello/compose.yaml';

/** Sets up, brings up the hello example, and prints what runs and a URL that answers. */
export async function start() {
  if (process.getuid() !== 0) throw new SetupError('containers need root: run `sudo npm start`');
  await build();
  const images = run(process.execPath, ['test/images/make-images.mjs', 'hello', '--out', 'build/images']).trim().split('\n');
  const bayplan = (...args) => show(process.execPath, ['build/bayplan.cjs', ...args]);
  for (const archive of images) if (bayplan('load', archive) !== 0) return 1;
  if (bayplan('up', '-d', '--wait', '-f', FILE) !== 0) return 1;
  console.log();
  bayplan('ps', '-f', FILE);
  const url = publishedUrl();
  const body = await answerOf(url);
  console.log(`\n${url} answers: ${body.trim().split('\n')[0]}`);
  console.log(`Stop it with: npx bayplan down -f ${FILE}`);
  return 0;
}

/** The first port that the example publishes. */
function publishedUrl() {
  const containers = run(process.execPath, ['build/bayplan.cjs', 'ps', '-f', FILE, '--format', 'json']).split('\n').filter((line) => line !== '').map((line) => JSON.parse(line));
  const port = containers.flatMap(({ Publishers }) => Publishers).find(({ PublishedPort }) => PublishedPort > 0);
  if (port === undefined) throw new SetupError(`no container of ${FILE} publishes a port: see \`npx bayplan logs --file ${FILE}\``);
  return `http://127.0.0.1:${port.PublishedPort}/`;
}

async function answerOf(url) {
  const deadline = Date.now() + 10_000;
  for (;;) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(5000) });
      if (response.ok) return await response.text();
      if (Date.now() > deadline) throw new SetupError(`${url} answers with status ${response.status}`);
    } catch (error) {
      if (error instanceof SetupError) throw error;
      if (Date.now() > deadline) throw new SetupError(`${url} does not answer: ${error.cause?.message ?? error.message}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
