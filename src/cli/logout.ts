import type { AddCommand } from './program.ts';

export const addLogout: AddCommand = (program, cli, ends) => {
  program.command('logout').description('forget the credentials of a registry')
    .argument('[server]', 'the registry', 'docker.io')
    .action(ends(async (server: string) => {
      const [{ DockerConfig }, { registryHost }] = await Promise.all([import('../client/docker-config.ts'), import('../state/registry-credentials.ts')]);
      const host = registryHost(server);
      cli.stdout.write(await new DockerConfig(cli.env).erase(host) ? `Removing login credentials for ${host}\n` : `Not logged in to ${host}\n`);
      return 0;
    }));
};
