"""An agent of seccomp listeners: says on a line what came with the descriptor, and fails each call that is put to it with EXDEV. Arguments: its socket, how many calls."""
import fcntl, json, socket, struct, sys

RECEIVE, SEND, EXDEV = 0xC0502100, 0xC0182101, 18
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
print("listening", flush=True)
message, descriptors, _, _ = socket.recv_fds(server.accept()[0], 4096, 2)
print(json.dumps({**json.loads(message), "descriptors": len(descriptors)}), flush=True)
for _ in range(int(sys.argv[2])):
    call = bytearray(80)
    fcntl.ioctl(descriptors[0], RECEIVE, call)
    identity, pid = struct.unpack_from("QI", call)
    print(json.dumps({"pid": pid, "call": struct.unpack_from("i", call, 16)[0]}), flush=True)
    fcntl.ioctl(descriptors[0], SEND, bytearray(struct.pack("QqiI", identity, 0, -EXDEV, 0)))
