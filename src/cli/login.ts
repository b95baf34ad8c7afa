import type { EngineClient } from '../client/engine-client.ts';
import { fields, optional, text } from '../client/outline.ts';
import { BayplanError } from '../state/bayplan-error.ts';
import type { RegistryCredentials } from '../state/registry-credentials.ts';
import { askLine, askSecret, readAll } from './ask.ts';
import type { Cli } from './cli.ts';
import { clientOf } from './client-of.ts';
import type { Invoked } from './list-options.ts';
import type { AddCommand } from './program.ts';

interface Options { readonly username?: string; readonly password?: string; readonly passwordStdin?: boolean }

export const addLogin: AddCommand = (program, cli, ends) => {
  program.command('login').description('log in to a registry: the credentials are checked there, and kept as docker keeps them')
    .argument('[server]', 'the registry', 'docker.io')
    .option('-u, --username <name>')
    .option('-p, --password <password>', 'others can see it in the list of processes: --password-stdin hides it')
    .option('--password-stdin', 'read the password from standard input')
    .action(ends(async (server: string, options: Options, command: Invoked) => {
      const client = clientOf(command.optsWithGlobals<{ readonly root?: string }>(), cli);
      const [{ DockerConfig }, { registryHost }] = await Promise.all([import('../client/docker-config.ts'), import('../state/registry-credentials.ts')]);
      const config = new DockerConfig(cli.env);
      const host = registryHost(server);
      if (host === '') throw new BayplanError('bad-request', `"${server}" is no registry: expected HOST[:PORT]`);
      const known = options.username === undefined && options.password === undefined && options.passwordStdin !== true ? await config.credentials(host) : null;
      if (known !== null) {
        cli.stdout.write(`Authenticating with the credentials that are kept for ${host}\n`);
        await verify(client, host, known);
      } else {
        const given = await credentialsGiven(options, host, cli);
        const token = await verify(client, host, given);
        const helper = await config.store(host, token === '' ? given : { ...given, password: '', identitytoken: token });
        if (helper === null) cli.stderr.write(`WARNING: the password stands unencrypted in ${config.path}; a credential helper ("credsStore" there) would encrypt it\n`);
      }
      cli.stdout.write('Login Succeeded\n');
      return 0;
    }));
};

/** Answers the token that the registry gives in place of the password, or ''. */
async function verify(client: EngineClient, host: string, credentials: RegistryCredentials): Promise<string> {
  const { IdentityToken } = await client.ask('POST', '/auth', fields<{ readonly IdentityToken?: string }>({ IdentityToken: optional(text) }), JSON.stringify({ ...credentials, serveraddress: host }));
  return IdentityToken ?? '';
}

async function credentialsGiven({ username, password, passwordStdin }: Options, host: string, cli: Cli): Promise<RegistryCredentials> {
  if (password !== undefined && passwordStdin === true) throw new BayplanError('bad-request', 'give either --password or --password-stdin');
  if (passwordStdin === true && username === undefined) throw new BayplanError('bad-request', 'give --username with --password-stdin');
  const interactive = cli.stdin.isTTY === true;
  if (!interactive && (username === undefined || (password === undefined && passwordStdin !== true))) {
    throw new BayplanError('bad-request', 'there is no terminal to ask on: give --username and --password-stdin');
  }
  const name = username ?? await askLine(`Username for ${host}: `, cli);
  const secret = password ?? (passwordStdin === true ? (await readAll(cli)).replace(/\r?\n$/, '') : await askSecret('Password: ', cli));
  if (name === '' || secret === '') throw new BayplanError('bad-request', `the ${name === '' ? 'user name' : 'password'} is empty`);
  return { username: name, password: secret, identitytoken: '' };
}
