# shellcheck shell=bash
# Puts together the file system of an image that boots systemd, from packages, without running any of their install scripts.
# To be sourced after setup.sh and postgres_rootfs.sh.

# The packages; what only serves to install them is left out by systemd_download.
SYSTEMD_PACKAGES=(systemd dbus polkitd util-linux mount)
# What a container has no use for, or must keep its hands off: the kernel's settings and modules are the host's.
SYSTEMD_MASKED=(
    systemd-sysctl.service systemd-modules-load.service systemd-networkd.service systemd-remount-fs.service
    systemd-firstboot.service systemd-logind.service systemd-update-utmp.service systemd-update-utmp-runlevel.service
    systemd-machine-id-commit.service getty.target sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount
    dev-mqueue.mount proc-sys-fs-binfmt_misc.automount
)

# systemd_rootfs DIRECTORY: fills the empty DIRECTORY.
systemd_rootfs() {
    local root=$1 packages=$1.packages status=0
    systemd_skeleton "$root"
    systemd_packages "$packages" && rootfs_unpack "$root" "$packages"/*.deb || status=$?
    rm -rf "$packages"
    if [ "$status" -ne 0 ]; then return "$status"; fi
    systemd_finish "$root"
}

systemd_skeleton() {
    local root=$1
    mkdir -p "$root"/usr/{bin,sbin,lib,lib64,local/bin} "$root"/{etc,proc,sys,dev,run,root,home,srv} "$root/var/lib"
    install -d -m 1777 "$root/tmp" "$root/var/tmp"
    ln -s usr/bin usr/sbin usr/lib usr/lib64 "$root/"
    ln -s ../run "$root/var/run"
}

# systemd_packages DIRECTORY: from Debian, of the release that the images of PostgreSQL 15 are of; where there is no Debian
# mirror, from the machine's own release.
systemd_packages() {
    if setup_debian_mirror >/dev/null 2>&1; then
        setup_in_suite bookworm systemd_download "$1"
    else
        setup_on_empty_machine systemd_download "$1"
    fi
}

systemd_download() {
    local directory=$1 names
    names=$(apt-get -s install --no-install-recommends "${SYSTEMD_PACKAGES[@]}" |
        sed -n 's/^Inst \([^ ]*\) .*/\1/p' |
        grep -E '^(lib|zlib1g|systemd|dbus|polkitd|util-linux|mount)' |
        grep -v -E '^lib(perl|pam-runtime|.*-perl$|c-l10n|sem|apt|sepol|debconf|gdbm|db5)')
    # shellcheck disable=SC2086 # one word each
    setup_download "$directory" $names busybox-static
}

# Two users: the owner of a product, who may read the journal, and one who may nothing.
systemd_finish() {
    local root=$1 busybox unit
    printf '%s\n' root:x:0:0:root:/root:/bin/sh nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin \
        product:x:1000:1000::/srv:/bin/sh stranger:x:1001:1001::/srv:/bin/sh >"$root/etc/passwd"
    printf '%s\n' root:x:0: nogroup:x:65534: systemd-journal:x:190:product product:x:1000: stranger:x:1001: \
        >"$root/etc/group"
    printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"
    # Empty: one is made up at each boot, and it is not the first.
    : >"$root/etc/machine-id"
    busybox=$(find "$root/usr/bin" -name busybox)
    # Nothing is replaced: a program that a package brought stays.
    "$busybox" --list | while read -r applet; do
        [ -e "$root/usr/bin/$applet" ] || [ -e "$root/usr/sbin/$applet" ] || ln -s busybox "$root/usr/bin/$applet"
    done
    for unit in "${SYSTEMD_MASKED[@]}"; do
        ln -s /dev/null "$root/etc/systemd/system/$unit"
    done
    ln -s /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
    install -m 755 "$SETUP_ROOT/compose/images/systemd/boot.sh" "$root/usr/local/bin/boot.sh"
}
