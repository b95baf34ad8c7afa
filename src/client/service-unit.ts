import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BayplanError } from '../state/bayplan-error.ts';
import { pathsOf } from '../state/paths.ts';

/** Where systemd reads what the machine's administrator has installed (systemd.unit(5)). */
const UNITS = '/etc/systemd/system';

/** There while systemd is the machine's first process (sd_booted(3)). */
const RUNNING = '/run/systemd/system';

export function runsSystemd(): boolean {
  return existsSync(RUNNING);
}

/** `bayplan.service` for the default root, as all its names, else with the instance. */
export function unitName(root: string): string {
  const { instance } = pathsOf(root);
  return instance === '' ? 'bayplan.service' : `bayplan-${instance}.service`;
}

export function unitPath(root: string): string {
  return join(UNITS, unitName(root));
}

/**
 * systemd's service of the engine of `root`, which `program` runs: started with the machine, again where it fails, and stopped with its containers where the machine goes down; else they go on.
 * Shims and containers are in cgroups of their own, and KillMode=process leaves them alone. Throws BayplanError `bad-root` where a name has a line's end or the like, which would be another setting.
 */
export function unitText(root: string, program: readonly string[]): string {
  const bad = [root, ...program].find((word) => /\p{Cc}/u.test(word));
  if (bad !== undefined) throw new BayplanError('bad-root', `${JSON.stringify(bad)}: systemd takes no name with control characters; choose another folder`);
  const engine = (...command: readonly string[]): string => [...program, '--root', root, 'engine', ...command].map(argument).join(' ');
  return `[Unit]
Description=bayplan engine of ${root.replaceAll('%', '%%')}
Wants=network-online.target
After=network-online.target nss-lookup.target remote-fs.target nftables.service firewalld.service
RequiresMountsFor=${quoted(root)}
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=all
ExecStart=${engine('run')}
ExecStop=/bin/sh -c 'case $$(systemctl is-system-running) in stopping) exec "$$@";; esac' sh ${engine('stop', '--containers')}
KillMode=process
TimeoutStartSec=infinity
TimeoutStopSec=15min
Restart=on-failure
RestartSec=1
OOMScoreAdjust=-500
TasksMax=infinity

[Install]
WantedBy=multi-user.target
`;
}

/** As systemd.syntax(7) and systemd.unit(5) want a word. */
function quoted(word: string): string {
  return /^[\w@+=:,./$-]+$/.test(word) ? word : `"${word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%')}"`;
}

/** As systemd.service(5) wants one of a command line, where variables are filled in. */
function argument(word: string): string {
  return quoted(word).replaceAll('$', '$$$$');
}
