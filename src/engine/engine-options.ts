export interface EngineOptions {
  /** Absolute path of the root folder. */
  readonly root?: string;
  /** Folder with `bayplan-core` and `libbayplan.so`. */
  readonly build: string;
  readonly version: string;
  /** Receives a line where something went wrong and nobody waits for an answer. */
  readonly report?: (line: string) => void;
  /** Bytes of one log file, and how many are kept of a container. */
  readonly logMax?: number;
  readonly logFiles?: number;
  /** Move this process into a cgroup of its own. */
  readonly ownCgroup?: boolean;
}
