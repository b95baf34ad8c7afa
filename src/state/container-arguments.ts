import type { ContainerSpec } from './container.ts';
import type { ImageConfig } from './image.ts';

/**
 * What a container's first process runs: an entrypoint of its own drops the image's command, and a command that is empty is the image's where there would be
 * nothing to run otherwise, as with docker (`command: ${COMMAND}` of a variable that is not set). Empty: there is nothing.
 */
export function containerArguments({ entrypoint, command }: Pick<ContainerSpec, 'entrypoint' | 'command'>, image: Pick<ImageConfig, 'entrypoint' | 'command'> | null): readonly string[] {
  const fromImage = entrypoint === null ? image?.command ?? [] : [];
  const args = [...entrypoint ?? image?.entrypoint ?? [], ...command ?? fromImage];
  return args.length === 0 ? fromImage : args;
}
