/** One frame of Docker's multiplexed stream: `[stream,0,0,0,length as uint32 big-endian]`, then the bytes. */
export function frame(stream: 'stdout' | 'stderr', data: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream === 'stdout' ? 1 : 2;
  header.writeUInt32BE(data.length, 4);
  return Buffer.concat([header, data]);
}

/** One frame a line, as Docker sends what was logged: docker-py gives its users frames for lines. */
export function lineFrames(stream: 'stdout' | 'stderr', data: Buffer): Buffer {
  const frames: Buffer[] = [];
  for (let from = 0; from < data.length;) {
    const end = data.indexOf(0x0a, from) + 1 || data.length;
    frames.push(frame(stream, data.subarray(from, end)));
    from = end;
  }
  return Buffer.concat(frames);
}
