#pragma once
#include <stddef.h>
#include <stdint.h>
#include "error.h"

/* What src/runtime/kernel.ts calls. Each function returns 0 (or a descriptor) or -1 with `err` filled; none touches the caller's
   namespaces, prints, exits or keeps a pointer. Those that can be slow are called from a worker thread. */
#define EXPORT __attribute__((visibility("default")))

/* posix_spawn of `file` in a session of its own. `fds` holds `nfds` pairs (number in the child, ours); all other descriptors are closed, 0–2 that are
   not named are /dev/null. It is no child of ours: whoever reaps orphans here will reap it. */
EXPORT int lib_spawn_detached(const char *file, char *const argv[], char *const envp[], const int *fds, int nfds, struct error *err);

/* A process of the program `core` that starts others of its commands by forking, and ends when the descriptor `*orders` is closed. */
EXPORT int lib_nursery_open(const char *core, char *const envp[], int *orders, struct error *err);
/* One command there: `text` is the numbers that its descriptors `fds` are to have, parted by spaces, and its words, a NUL after each. EAGAIN where there is no room for it just now; EPIPE where that process has gone. */
EXPORT int lib_nursery_order(int orders, const char *text, uint32_t length, const int *fds, int nfds, struct error *err);
/* Lets that process go; returns when it has closed everything, at the latest after a second. */
EXPORT void lib_nursery_close(int orders);

/* This process becomes `file`, with its environment: returns only where that fails. */
EXPORT int lib_exec(const char *file, char *const argv[], struct error *err);

/* A mount namespace that holds one tmpfs, for pins, kept by a mount on the file `place` in `folder`; made where there is none. `*mounts` gets a descriptor of it, `*root` one of its root,
   below which whoever has that may open what is pinned there without entering it. */
EXPORT int lib_pins_open(const char *folder, const char *place, int *mounts, int *root, struct error *err);
/* A network namespace mounted on `path`, which lies in the root of the mount namespace of descriptor `mounts` (-1: in ours) (made, EEXIST where there is one; or with `there` one that is mounted there and new), loopback up, Docker's default sysctls set. */
EXPORT int lib_netns_create(const char *path, int mounts, int there, struct error *err);
/* The same; then, through a netlink socket each, `outer` is sent in our namespace and `inner` in the new one. `ns` is a descriptor of the caller's that is made to be the
   namespace before, so that `outer` can name it. Its first `births` messages make links; those of `ports` (names parted by spaces) get no IPv6 before the rest is sent. All replies are to be given to lib_free; one that holds errors fails nothing here. */
EXPORT int lib_netns_connect(const char *path, int mounts, int there, int ns, int ipv6, uint32_t births, const char *ports, const uint8_t *outer, uint32_t outer_length, uint8_t **outer_reply, uint32_t *outer_reply_length,
                             const uint8_t *inner, uint32_t inner_length, uint8_t **inner_reply, uint32_t *inner_reply_length, struct error *err);
/* Makes a namespace ahead, for the next that either of these makes without IPv6; and lets go of one. */
EXPORT int lib_netns_spare(struct error *err);
EXPORT void lib_netns_no_spare(void);
/* Writes `value` to the setting at `path`, below /proc/sys/net, of the namespace pinned at `netns`. */
EXPORT int lib_netns_sysctl(const char *netns, const char *path, const char *value, struct error *err);
/* The same of all that links made there later need to have IPv6. */
EXPORT int lib_netns_ipv6(const char *netns, struct error *err);
/* A user namespace with these mappings (text as uid_map has it), pinned on `path` as above, which nobody lives in; `*network` gets a descriptor of a network namespace that is its property, where `with_network` asks for one. */
EXPORT int lib_userns_create(const char *path, int mounts, const char *uids, const char *gids, int with_network, int *network, struct error *err);
/* Pins a namespace by its descriptor. */
EXPORT int lib_pin(int namespace, int mounts, const char *path, struct error *err);
/* Unmounts and unlinks `path`; nothing there is no error. */
EXPORT int lib_netns_remove(const char *path, int mounts, struct error *err);
/* Mounts a private tmpfs on the folder `path` where nothing is mounted yet. */
EXPORT int lib_mount_private(const char *path, struct error *err);
/* Makes the mount at `path` read-only, with programs that may be run. */
EXPORT int lib_mount_seal(const char *path, struct error *err);
/* Removes a folder and all in it; nothing there is no error. */
EXPORT int lib_tree_remove(const char *path, struct error *err);
/* Tells ext4 to put the folders made in `path` into different block groups: it searches through all inodes that were deleted in a group
   within the last minutes before it finds one for a new file. */
EXPORT int lib_tree_spread(const char *path, struct error *err);
/* fsync of each of `count` files and folders; those that have gone need none. */
EXPORT int lib_sync(const char *const paths[], int count, struct error *err);
EXPORT int lib_mount_detach(const char *path, struct error *err);

/* Sends `length` bytes of whole netlink messages, each with NLM_F_ACK or a dump and sequence numbers from 1 on, to a fresh socket of family `protocol`
   in the namespace pinned at `netns` (NULL: ours). `*reply` gets all answers, to be given to lib_free. */
EXPORT int lib_netlink(const char *netns, int protocol, const uint8_t *request, uint32_t length, uint8_t **reply, uint32_t *reply_length, struct error *err);
EXPORT void lib_free(void *pointer);
/* Gives back to the kernel what the C library keeps of memory that was freed, of all threads. */
EXPORT void lib_trim(void);

EXPORT int lib_pipe(int out[2], struct error *err);
/* Two connected stream sockets. */
EXPORT int lib_socket_pair(int out[2], struct error *err);
/* The descriptor of the locked file, or -1; errno EWOULDBLOCK in `err` where another process holds it. */
EXPORT int lib_lock(const char *path, struct error *err);
/* A bound socket, listening where the protocol (IPPROTO_*) has that; `*bound` gets its port. */
EXPORT int lib_reserve_port(int protocol, const char *ip, int port, int *bound, struct error *err);

/* A thread that tells, on the stream socket `*out`, what the kernel says has changed; it ends when that is closed. A line a request: "links TOKEN NETNS" (links, addresses and routes of the namespace pinned
   there; "-": links and addresses of ours; not of a carrier alone), "rules TOKEN TABLE" (transactions of nf_tables, but for this process' and elements of others' sets), "mounts TOKEN PID" (of that process' mount namespace, until it ends), "files TOKEN FOLDER"
   (what is written, removed or renamed away in it), "entries TOKEN FOLDER" (what is removed or renamed away), "moves TOKEN PARENT" (processes that are put into a cgroup which is none below that one), "cancel TOKEN". Tokens are small numbers of the caller's. Answers are lines too: "TOKEN" where something has changed; "TOKEN own PID NAME" where that process has
   changed that table; "TOKEN ! WHY" where it cannot be watched. */
EXPORT int lib_watch(int *out, struct error *err);
