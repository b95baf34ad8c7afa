#!/bin/bash
# The guest's first process: mounts what a booted system has, runs the command, powers off. Kernel modules are left to the kernel, as on
# a server: what it needs it asks modprobe for.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
# The guest has a /tmp of its own; a working folder below the machine's /tmp is seen at its place in it.
folder=$(cat /run/job/folder)
if [[ $folder == /tmp/* ]]; then mkdir -p /folder; mount --bind "$folder" /folder; fi
mount -t tmpfs tmpfs /tmp
if [[ $folder == /tmp/* ]]; then mkdir -p "$folder"; mount --move /folder "$folder"; fi
if [[ -e /run/job/systemd ]]; then
  # Its units, and the engine's root, are on the disk.
  mkdir -p /var/lib/bayplan /disk
  modprobe -q virtio_blk && mount /dev/vda /disk || mount -t tmpfs tmpfs /disk
  mkdir -p /disk/{units,engine}
  mount --bind /disk/units /etc/systemd/system
  mount --bind /disk/engine /var/lib/bayplan
  # What a guest without hardware and users has no need of; scripts of System V would be others' services.
  mkdir -p /run/systemd/{system,system-generators}
  for unit in systemd-udevd systemd-udev-trigger systemd-udev-settle systemd-logind systemd-journal-flush systemd-hwdb-update systemd-update-utmp getty@tty1 serial-getty@ttyS0 systemd-networkd-wait-online; do ln -s /dev/null /run/systemd/system/$unit.service; done
  for generator in sysv rc-local getty gpt-auto; do ln -s /dev/null /run/systemd/system-generators/systemd-$generator-generator; done
  cat >/run/systemd/system/job.service <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
Environment=HOME=/root
ExecStart=/bin/bash -c 'bash /run/job/command </dev/null >/run/job/stdout 2>/run/job/stderr; echo $? >/run/job/status; systemctl poweroff --no-block'
UNIT
  mkdir -p /run/systemd/system/multi-user.target.wants
  ln -s ../job.service /run/systemd/system/multi-user.target.wants/job.service
  exec /lib/systemd/systemd --unit=multi-user.target --log-target=console --show-status=0
fi
mkdir -p /dev/pts /dev/shm /dev/mqueue
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t mqueue mqueue /dev/mqueue
mount -t cgroup2 -o nsdelegate cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t securityfs securityfs /sys/kernel/security
ip link set lo up
hostname guest
# What an engine of this machine left in its root is none of the guest's; the engine's overlays cannot lie on another overlay.
mkdir -p /var/lib/bayplan
if modprobe -q virtio_blk && [[ -b /dev/vda ]]; then mount /dev/vda /var/lib/bayplan; else mount -t tmpfs tmpfs /var/lib/bayplan; fi
bash /run/job/command </dev/null >/run/job/stdout 2>/run/job/stderr
echo $? >/run/job/status
sync
echo o >/proc/sysrq-trigger
sleep 10
