#!/bin/sh
# beside-ufw.sh PACKAGE FOLDER COMMAND…: runs a command with ufw's firewall active. For network and mount namespaces that are the caller's own: `unshare --net --mount`.
set -e
packages=$1 folder=$2
shift 2
. "$(dirname "$0")/unpack-packages.sh"
# What its installation does beside that.
for rules in before after user before6 after6 user6; do
  cp "/usr/share/ufw/iptables/$rules.rules" /etc/ufw/ 2>/dev/null || cp "/usr/share/ufw/$rules.rules" /etc/ufw/
done
printf 'ENABLED=no\nLOGLEVEL=low\n' > /etc/ufw/ufw.conf
ufw --force enable
ufw status verbose
"$@"
