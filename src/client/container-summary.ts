/** One element of `GET /containers/json`, as far as the command line looks at it. */
export interface ContainerSummary {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Image: string;
  readonly ImageID: string;
  readonly Command: string;
  /** Seconds since the epoch. */
  readonly Created: number;
  readonly State: string;
  readonly Status: string;
  readonly Ports: readonly { readonly IP?: string; readonly PrivatePort: number; readonly PublicPort?: number; readonly Type: string }[];
  readonly Labels: Readonly<Record<string, string>>;
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, unknown>> };
  readonly Mounts: readonly { readonly Type: string; readonly Name?: string; readonly Source: string }[];
  readonly Bayplan: { readonly owner: string; readonly stack: string; readonly service: string; readonly slot: number; readonly exitCode: number; readonly health: string; /** Binds whose files are gone on the host. */ readonly replaced?: readonly { readonly source: string; readonly target: string }[] };
}

/** Path of the list of a stack's containers; `all`: those that do not run too. */
export function containersPath(stack: string, all: boolean): string {
  return `/containers/json?all=${Number(all)}&filters=${encodeURIComponent(JSON.stringify({ stack: [stack] }))}`;
}

/** Without the slash that the API puts before it. */
export function nameOf({ Names: [name = ''] }: Pick<ContainerSummary, 'Names'>): string {
  return name.replace(/^\//, '');
}
