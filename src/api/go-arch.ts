/** Go's names of processors, where they are not Node's. */
export const GO_ARCH: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64', riscv64: 'riscv64', ppc64: 'ppc64le', s390x: 's390x' };
