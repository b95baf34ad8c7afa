#!/bin/sh
# beside-ufw.sh PACKAGE FOLDER COMMAND…: runs a command with ufw's firewall active. For network and mount namespaces that are the caller's own: `unshare --net --mount`.
set -e
package=$1 folder=$2
shift 2
mount --make-rprivate /
mount -t tmpfs tmpfs "$folder"
ip link set lo up
# The package is unpacked upon copies of the folders that it writes to.
for name in etc usr var; do
  mkdir -p "$folder/upper-$name" "$folder/work-$name"
  mount -t overlay overlay -o "lowerdir=/$name,upperdir=$folder/upper-$name,workdir=$folder/work-$name" "/$name"
done
mkdir "$folder/package"
dpkg -x "$package" "$folder/package"
tar -C "$folder/package" -cf - . | tar -C / -xf - --keep-directory-symlink
# What its installation does beside that.
for rules in before after user before6 after6 user6; do
  cp "/usr/share/ufw/iptables/$rules.rules" /etc/ufw/ 2>/dev/null || cp "/usr/share/ufw/$rules.rules" /etc/ufw/
done
printf 'ENABLED=no\nLOGLEVEL=low\n' > /etc/ufw/ufw.conf
ufw --force enable
ufw status verbose
"$@"
