# Sourced, with folder= a folder of the caller's, and packages= .deb files: unpacks them upon copies of the folders that they write to. For network and mount namespaces that are the
# caller's own.
mount --make-rprivate /
mount -t tmpfs tmpfs "$folder"
ip link set lo up
for name in etc usr var; do
  mkdir -p "$folder/upper-$name" "$folder/work-$name"
  mount -t overlay overlay -o "lowerdir=/$name,upperdir=$folder/upper-$name,workdir=$folder/work-$name" "/$name"
done
mkdir "$folder/unpacked"
for package in $packages; do dpkg -x "$package" "$folder/unpacked"; done
tar -C "$folder/unpacked" -cf - . | tar -C / -xf - --keep-directory-symlink
