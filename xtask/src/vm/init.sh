#!/bin/sh
# The first process of the virtual machine: mounts what tests look for, runs them, and says how they ended.
# Lines for `cargo xtask vm` begin with "vm: ".
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /var/lib
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
mount -t bpf bpf /sys/fs/bpf
mount -t securityfs securityfs /sys/kernel/security
ln -s /proc/self/fd /dev/fd
for module in $(cat /modules/order); do
    insmod "/modules/$module.ko" || echo "vm: module $module does not load"
done
ip link set lo up
echo "vm: kernel $(uname -r)"
"$(cat /sensor)" doctor --interface lo --out /tmp | sed 's/^/vm: doctor /'
cd "$(cat /directory)" || exit 1
while read -r name executable words; do
    echo "vm: begin $name"
    # Random frames take a fifth of a millisecond each here.
    HONEYXDP_FRAMES=20000 HONEYXDP_SECONDS=30 HONEYXDP_PATIENCE=600 "$executable" --test-threads=1 $words
    echo "vm: end $name $?"
done < /tests
echo "vm: over"
poweroff -f
