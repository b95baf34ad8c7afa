#!/bin/bash
# Inside the guest: the kernel's NFS server on 127.0.0.1, versions 3 and 4. `start FOLDER` exports a folder, which must be on a file system of its own; as
# version 4 sees it, it is the root. `stop` lets no thread of it answer any more: connections stay, requests hang.
set -eu
case $1 in
  start)
    mkdir -p /var/lib/nfs/v4recovery /var/lib/nfs/sm
    touch /var/lib/nfs/etab /var/lib/nfs/rmtab
    modprobe nfsd
    mountpoint -q /proc/fs/nfsd || mount -t nfsd nfsd /proc/fs/nfsd
    pidof rpcbind >/dev/null || rpcbind -w
    exportfs -o rw,no_root_squash,fsid=0,insecure,no_subtree_check "127.0.0.1:$2"
    rpc.nfsd --no-udp 2
    pidof rpc.mountd >/dev/null || rpc.mountd
    ;;
  stop) rpc.nfsd 0 ;;
esac
