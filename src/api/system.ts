import { existsSync } from 'node:fs';
import { arch, cpus, hostname, release, totalmem } from 'node:os';
import { cidrText } from '../state/cidr.ts';
import { sendJson } from './answer.ts';
import { stateWord } from './container-json.ts';
import { rfc3339 } from './docker-time.ts';
import type { Exchange } from './exchange.ts';
import { GO_ARCH } from './go-arch.ts';

/** The newest version of the Docker Engine API whose shapes are answered, and the oldest that clients may ask for. */
export const API_VERSION = '1.51';
export const MIN_API_VERSION = '1.24';

/** `GET` and `HEAD /_ping`: clients negotiate the version from its headers, so it stands outside any version. */
export async function ping({ request, response }: Exchange): Promise<void> {
  response.writeHead(200, {
    'Api-Version': API_VERSION, 'Ostype': 'linux', 'Docker-Experimental': 'false', 'Builder-Version': '1', 'Swarm': 'inactive',
    'Cache-Control': 'no-cache, no-store, must-revalidate', 'Pragma': 'no-cache', 'Content-Type': 'text/plain', 'Content-Length': 2,
  });
  response.end(request.method === 'HEAD' ? undefined : 'OK');
}

export async function version({ engine, response }: Exchange): Promise<void> {
  const common = { ApiVersion: API_VERSION, MinAPIVersion: MIN_API_VERSION, Os: 'linux', Arch: GO_ARCH[arch()] ?? arch(), KernelVersion: release() };
  sendJson(response, 200, {
    Platform: { Name: 'bayplan' },
    Components: [{ Name: 'Engine', Version: engine.version, Details: { ...common, GitCommit: '', GoVersion: '', BuildTime: '', Experimental: 'false', NodeVersion: process.version } }],
    Version: engine.version, ...common, GitCommit: '', GoVersion: '', BuildTime: '',
  });
}

export async function info({ engine, response }: Exchange): Promise<void> {
  const states = [...engine.containers.list().values()].flatMap(({ status }) => (status === null ? [] : [stateWord(status)]));
  const [running = 0, paused = 0] = ['running', 'paused'].map((word) => states.filter((state) => state === word).length);
  sendJson(response, 200, {
    ID: engine.root, Name: hostname(), ServerVersion: engine.version, DockerRootDir: engine.root,
    Containers: states.length, ContainersRunning: running, ContainersPaused: paused, ContainersStopped: states.length - running - paused,
    Images: engine.images.list().length, Driver: engine.storage.name, DriverStatus: engine.storage.status, LoggingDriver: 'json-file', CgroupDriver: 'cgroupfs', CgroupVersion: existsSync('/sys/fs/cgroup/cgroup.controllers') ? '2' : '1',
    OperatingSystem: 'Linux', OSType: 'linux', Architecture: arch() === 'x64' ? 'x86_64' : arch(), KernelVersion: release(),
    NCPU: cpus().length, MemTotal: totalmem(), SystemTime: rfc3339(Date.now()), Runtimes: engine.runtimes.list(), DefaultRuntime: engine.runtimes.default,
    SecurityOptions: ['name=seccomp,profile=builtin', 'name=cgroupns', ...(engine.remapsUsers ? ['name=userns'] : [])], Plugins: { Volume: ['local'], Network: ['bridge', 'host', 'ipvlan', 'macvlan', 'null'], Authorization: null, Log: ['json-file', 'local', 'none', 'syslog'] },
    ...(engine.addressSpaces.length === 0 ? {} : { DefaultAddressPools: engine.addressSpaces.map(({ base, size }) => ({ Base: cidrText(base), Size: size })) }),
    Swarm: { NodeID: '', LocalNodeState: 'inactive' }, Labels: [], Warnings: engine.setAside().map((line) => `WARNING: ${line}`), CDISpecDirs: engine.cdi.folders, HttpProxy: '', HttpsProxy: '', NoProxy: '', IndexServerAddress: 'https://index.docker.io/v1/', ExperimentalBuild: false, LiveRestoreEnabled: true, OSVersion: '', InitBinary: 'bayplan-core',
    RegistryConfig: { InsecureRegistryCIDRs: ['::1/128', '127.0.0.0/8'], IndexConfigs: { 'docker.io': { Name: 'docker.io', Mirrors: [], Secure: true, Official: true } }, Mirrors: [] },
    MemoryLimit: true, SwapLimit: true, CpuCfsPeriod: true, CpuCfsQuota: true, CPUShares: true, CPUSet: true, PidsLimit: true, OomKillDisable: true, IPv4Forwarding: true, Debug: false, NFd: 0, NGoroutines: 0, NEventsListener: 0,
  });
}

/** `GET /plugins`: there are none. */
export async function listPlugins({ response }: Exchange): Promise<void> {
  sendJson(response, 200, []);
}

/** `POST /build/prune`: there is no build cache, but `docker system prune` asks for it. */
export async function pruneBuilds({ response }: Exchange): Promise<void> {
  sendJson(response, 200, { CachesDeleted: [], SpaceReclaimed: 0 });
}
