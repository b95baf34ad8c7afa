#!/bin/sh
# beside-firewalld.sh PACKAGES FOLDER COMMAND…: runs a command with firewalld's firewall active, PACKAGES being a folder of .deb files. For network and mount namespaces that are the
# caller's own, and a process namespace that ends what is started here: `unshare --net --mount --pid --fork --mount-proc --kill-child`.
set -e
packages=$1/*.deb folder=$2
shift 2
. "$(dirname "$0")/unpack-packages.sh"
# A message bus of its own, on which everybody may do everything.
mkdir -p "$folder/dbus"
cat > "$folder/bus.conf" <<END
<busconfig>
  <type>system</type>
  <listen>unix:path=$folder/dbus/socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/></policy>
</busconfig>
END
export DBUS_SYSTEM_BUS_ADDRESS="unix:path=$folder/dbus/socket"
dbus-daemon --config-file="$folder/bus.conf" --nofork --nopidfile &
tries=0
until [ -S "$folder/dbus/socket" ]; do tries=$((tries + 1)); [ $tries -lt 100 ]; sleep 0.1; done
/usr/bin/python3 /usr/sbin/firewalld --nofork --nopid &
tries=0
until firewall-cmd --state 2>/dev/null; do tries=$((tries + 1)); [ $tries -lt 100 ]; sleep 0.2; done
nft list chain inet firewalld filter_FORWARD
"$@"
