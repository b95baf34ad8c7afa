/** The name of a replica's container, as docker compose makes it. `containerName`: what the stack file calls it, '': nothing; a file that asks for that and several replicas is refused. */
export function replicaName(stack: string, service: string, containerName: string, slot: number): string {
  return containerName !== '' && slot === 1 ? containerName : `${stack}-${service}-${slot}`;
}
