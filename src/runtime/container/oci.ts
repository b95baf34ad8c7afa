/** The parts of the OCI runtime specification 1.2 that our bundles use (config.md, config-linux.md). */

export interface OciCapabilities {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
}

export interface OciProcess {
  readonly terminal?: boolean;
  readonly consoleSize?: { readonly width: number; readonly height: number };
  readonly user: { readonly uid: number; readonly gid: number; readonly additionalGids?: readonly number[] };
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities: OciCapabilities;
  readonly noNewPrivileges?: boolean;
  readonly apparmorProfile?: string;
  readonly oomScoreAdj?: number;
  readonly rlimits?: readonly { readonly type: string; readonly soft: number; readonly hard: number }[];
  /** Beside the specification: in the file given to `bayplan-core enter`, what config.json holds at its top. */
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface OciMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface OciSeccompArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  /** SCMP_CMP_EQ and its like. */
  readonly op: string;
}

export interface OciSyscallRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly OciSeccompArgument[];
}

export interface OciSeccomp {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly OciSyscallRule[];
}

export interface OciNamespace {
  readonly type: 'pid' | 'network' | 'ipc' | 'mount' | 'uts' | 'cgroup' | 'user' | 'time';
  readonly path?: string;
}

export interface OciIdMapping { readonly containerID: number; readonly hostID: number; readonly size: number }

/** Without a type it is all devices; without a number any. */
export interface OciDeviceRule { readonly allow: boolean; readonly type?: 'a' | 'b' | 'c'; readonly major?: number; readonly minor?: number; readonly access: string }

/** Bytes or operations a second. */
export interface OciRate { readonly major: number; readonly minor: number; readonly rate: number }

export interface OciBlockIo {
  readonly weight?: number;
  readonly weightDevice?: readonly { readonly major: number; readonly minor: number; readonly weight: number }[];
  readonly throttleReadBpsDevice?: readonly OciRate[];
  readonly throttleWriteBpsDevice?: readonly OciRate[];
  readonly throttleReadIOPSDevice?: readonly OciRate[];
  readonly throttleWriteIOPSDevice?: readonly OciRate[];
}

export interface OciResources {
  readonly devices: readonly OciDeviceRule[];
  /** Bytes, -1 without limit; `swap` is memory and swap together. */
  readonly memory?: { readonly limit?: number; readonly reservation?: number; readonly swap?: number; readonly swappiness?: number; readonly disableOOMKiller?: boolean };
  /** Times in microseconds. */
  readonly cpu?: {
    readonly shares?: number; readonly quota?: number; readonly period?: number; readonly realtimeRuntime?: number; readonly realtimePeriod?: number;
    readonly cpus?: string; readonly mems?: string;
  };
  readonly pids?: { readonly limit: number };
  readonly blockIO?: OciBlockIo;
}

export interface OciDevice {
  readonly path: string; readonly type: 'b' | 'c' | 'u' | 'p'; readonly major: number; readonly minor: number;
  readonly fileMode: number; readonly uid: number; readonly gid: number;
}

export interface OciHook { readonly path: string; readonly args?: readonly string[] | undefined; readonly env?: readonly string[] | undefined; /** Seconds. */ readonly timeout?: number | undefined }

export interface OciConfig {
  readonly ociVersion: string;
  readonly process: OciProcess;
  readonly root: { readonly path: string; readonly readonly: boolean };
  readonly hostname?: string;
  readonly domainname?: string;
  readonly mounts: readonly OciMount[];
  readonly annotations: Readonly<Record<string, string>>;
  /** By kind: `createContainer` and the like. */
  readonly hooks?: Readonly<Record<string, readonly OciHook[]>>;
  readonly linux: {
    readonly namespaces: readonly OciNamespace[];
    readonly uidMappings?: readonly OciIdMapping[];
    readonly gidMappings?: readonly OciIdMapping[];
    /** By clock: `monotonic`, `boottime`. */
    readonly timeOffsets?: Readonly<Record<string, { readonly secs: number; readonly nanosecs: number }>>;
    readonly cgroupsPath: string;
    readonly devices?: readonly OciDevice[];
    readonly resources: OciResources;
    readonly sysctl?: Readonly<Record<string, string>>;
    readonly rootfsPropagation?: string;
    readonly seccomp?: OciSeccomp;
    readonly maskedPaths: readonly string[];
    readonly readonlyPaths: readonly string[];
  };
}
