#!/bin/busybox sh
# The guest's first program: makes the machine's file system the root, under a writable layer in memory.
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /machine /memory /root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in virtio_pci 9pnet_virtio 9p overlay; do modprobe $module; done
share=trans=virtio,version=9p2000.L,msize=512000
mount -t 9p -o $share,ro,cache=loose machine /machine
mount -t tmpfs -o size=75% tmpfs /memory
mkdir /memory/upper /memory/work
mount -t overlay -o lowerdir=/machine,upperdir=/memory/upper,workdir=/memory/work overlay /root
mkdir -p /root/usr/lib/modules/$(uname -r)
mount -t 9p -o $share,ro,cache=loose modules /root/usr/lib/modules/$(uname -r)
mount -t tmpfs -o mode=755 tmpfs /root/run
mkdir /root/run/job
mount -t 9p -o $share,cache=none job /root/run/job
for folder in proc sys dev; do mount -o move /$folder /root/$folder; done
exec switch_root /root /bin/bash /run/job/guest
