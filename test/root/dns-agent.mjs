// Speaks to 127.0.0.11:53 of the network namespace it is started in. One JSON line a request, one a response:
// {id, protocol, hex, replies, wait}: sends these bytes, answers {id, replies: [hex], closed} once so many replies are there, the connection
// is closed, or `wait` ms are over. A reply of TCP is without its length.
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

function overUdp({ hex, replies, wait }, done) {
  const socket = createSocket('udp4');
  const got = [];
  const end = () => { clearTimeout(timer); socket.close(); done(got, false); };
  const timer = setTimeout(end, wait);
  socket.on('message', (message) => { if (got.push(message.toString('hex')) === replies) end(); });
  socket.on('error', () => {});
  socket.send(Buffer.from(hex, 'hex'), 53, '127.0.0.11');
}

function overTcp({ hex, replies, wait }, done) {
  const socket = connect(53, '127.0.0.11', () => socket.write(Buffer.from(hex, 'hex')));
  const got = [];
  let bytes = Buffer.alloc(0);
  const end = (closed) => { clearTimeout(timer); socket.removeAllListeners('close'); socket.destroy(); done(got, closed); };
  const timer = setTimeout(() => end(false), wait);
  socket.on('data', (data) => {
    bytes = Buffer.concat([bytes, data]);
    while (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE(0)) {
      got.push(bytes.toString('hex', 2, 2 + bytes.readUInt16BE(0)));
      bytes = bytes.subarray(2 + bytes.readUInt16BE(0));
    }
    if (got.length >= replies) end(false);
  });
  socket.on('error', () => {});
  socket.on('close', () => end(true));
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const run = request.protocol === 'udp' ? overUdp : overTcp;
  run(request, (replies, closed) => process.stdout.write(`${JSON.stringify({ id: request.id, replies, closed })}\n`));
}
