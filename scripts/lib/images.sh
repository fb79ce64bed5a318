# shellcheck shell=bash
# Builds the images of the sample product and of its databases where none can be pulled, and runs
# a registry to pull them from. To be sourced after setup.sh.
#
# Every image bears a hash of what it was made from in the label `opsctl.sample.inputs`; one with
# the same hash is not built again.

# shellcheck source=scripts/lib/postgres_rootfs.sh
. "$(dirname "${BASH_SOURCE[0]}")/postgres_rootfs.sh"
# shellcheck source=scripts/lib/systemd_rootfs.sh
. "$(dirname "${BASH_SOURCE[0]}")/systemd_rootfs.sh"

IMAGES_LABEL=opsctl.sample.inputs

# images_hash FILE_OR_WORD...: one hash over the contents of the files and the words.
images_hash() {
    local part
    for part in "$@"; do
        if [ -f "$part" ]; then sha256sum <"$part"; else printf '%s\n' "$part"; fi
    done | sha256sum | cut -c 1-32
}

# images_current TAG HASH: the image is there and was made from the same inputs.
images_current() {
    local found
    found=$(docker image inspect --format "{{index .Config.Labels \"$IMAGES_LABEL\"}}" "$1" 2>/dev/null) || return 1
    [ "$found" = "$2" ]
}

# images_load TAG SCRATCH TEMPLATE [NAME=VALUE...]: makes an image of the layers SCRATCH/layer-*.tar and
# of a configuration template in which each @NAME@ stands for VALUE. The archive is put together by
# hand: the engine's old builder takes seconds for each line, and its new one is a plugin.
images_load() {
    local tag=$1 scratch=$2 template=$3 config layer pair diff_ids='' layers=''
    shift 3
    config=$(<"$template")
    for pair in "$@"; do
        config=${config//@${pair%%=*}@/${pair#*=}}
    done
    for layer in "$scratch"/layer-*.tar; do
        layers+=${layers:+,}\"$(basename "$layer")\"
        diff_ids+=${diff_ids:+,}\"sha256:$(sha256sum <"$layer" | cut -d ' ' -f 1)\"
    done
    printf '{"architecture":"%s","os":"linux","created":"1970-01-01T00:00:00Z","config":%s,"rootfs":{"type":"layers","diff_ids":[%s]}}' \
        "$(images_architecture)" "$config" "$diff_ids" >"$scratch/config.json"
    printf '[{"Config":"config.json","RepoTags":["%s"],"Layers":[%s]}]' "$tag" "$layers" >"$scratch/manifest.json"
    (cd "$scratch" && tar -c manifest.json config.json layer-*.tar) | docker load --quiet >/dev/null ||
        setup_fail "could not load $tag into Docker"
}

images_architecture() {
    case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) uname -m ;;
    esac
}

# images_layer FILE ROOT: ROOT as a layer; the same content always gives the same bytes, so that
# images share it.
images_layer() {
    tar -c --numeric-owner --sort=name --mtime=@0 --format=gnu -C "$2" -f "$1" .
}

# ---------------------------------------------------------------- PostgreSQL

# build_postgres MAJOR: makes opsctl-sample/postgres:MAJOR for 15, 16, 17 or 18. It takes the
# variables of the official image and keeps its data at the same path.
build_postgres() {
    local major=$1 tag=opsctl-sample/postgres:$1 source=$SETUP_ROOT/compose/images/postgres hash scratch status=0
    hash=$(images_hash "$major" "$(uname -m)" "$source"/config.json "$source"/entrypoint.sh \
        "$source/wheels-$major.txt" "$SETUP_ROOT/scripts/lib/postgres_rootfs.sh")
    if images_current "$tag" "$hash"; then return 0; fi
    if ! images_can_build "$major"; then
        images_pull_official "$major"
        return
    fi
    setup_say "building $tag"
    scratch=$(mktemp -d)
    chmod 755 "$scratch"
    mkdir "$scratch/root"
    {
        rootfs_build "$major" "$scratch/root" &&
            images_layer "$scratch/layer-1.tar" "$scratch/root" &&
            images_load "$tag" "$scratch" "$source/config.json" "INPUTS=$hash" "PG_MAJOR=$major" \
                "PG_BIN=$(rootfs_bin "$major")" "PG_DATA=$(rootfs_data "$major")"
    } || status=$?
    rm -rf "$scratch"
    if [ "$status" -ne 0 ]; then setup_fail "could not build $tag"; fi
}

# 15 and 17 come from Debian's packages; the wheel of 16 is for one architecture only.
images_can_build() {
    case $1 in
    15 | 17) setup_debian_mirror >/dev/null 2>&1 ;;
    16) [ "$(uname -m)" = x86_64 ] ;;
    *) true ;;
    esac
}

images_pull_official() {
    local tag=opsctl-sample/postgres:$1
    if docker image inspect "$tag" >/dev/null 2>&1; then return 0; fi
    setup_say "pulling the official image of PostgreSQL $1"
    if ! docker pull --quiet "postgres:$1" >/dev/null; then
        setup_fail "PostgreSQL $1 can neither be built nor pulled on this machine"
        return 1
    fi
    docker tag "postgres:$1" "$tag"
}

# ---------------------------------------------------------------- systemd

# build_systemd: makes opsctl-sample/systemd, which boots as a machine with systemd, its journal and polkit.
build_systemd() {
    local tag=opsctl-sample/systemd:latest source=$SETUP_ROOT/compose/images/systemd hash scratch status=0
    hash=$(images_hash "$(uname -m)" "$source"/config.json "$source"/boot.sh "$SETUP_ROOT/scripts/lib/systemd_rootfs.sh")
    if images_current "$tag" "$hash"; then return 0; fi
    setup_say "building $tag"
    scratch=$(mktemp -d)
    chmod 755 "$scratch"
    mkdir "$scratch/root"
    {
        systemd_rootfs "$scratch/root" &&
            images_layer "$scratch/layer-1.tar" "$scratch/root" &&
            images_load "$tag" "$scratch" "$source/config.json" "INPUTS=$hash"
    } || status=$?
    rm -rf "$scratch"
    if [ "$status" -ne 0 ]; then setup_fail "could not build $tag"; fi
}

# ---------------------------------------------------------------- the sample product

# build_ledger_images BINARY [REPOSITORY] [TAG...]: makes REPOSITORY:TAG (default ledger/ledger)
# for every release described in compose/ledger/releases, or for the named ones, from a static
# BINARY. Prints each image that it made or found.
build_ledger_images() {
    local binary=$1 repository=${2:-ledger/ledger} scratch status=0 tag
    shift $(($# < 2 ? $# : 2))
    if [ ! -x "$binary" ]; then
        setup_fail "there is no program at $binary" "build the ledger first"
        return 1
    fi
    if [ $# -eq 0 ]; then
        for tag in "$SETUP_ROOT"/compose/ledger/releases/*.json; do
            set -- "$@" "$(basename "$tag" .json)"
        done
    fi
    scratch=$(mktemp -d)
    mkdir -p "$scratch"/{program,description/etc/ledger}
    install -m 755 "$binary" "$scratch/program/ledger"
    images_layer "$scratch/layer-1.tar" "$scratch/program" || status=$?
    for tag in "$@"; do
        [ "$status" -eq 0 ] || break
        images_build_release "$scratch" "$repository" "$tag" || status=$?
    done
    rm -rf "$scratch"
    return "$status"
}

# images_build_release SCRATCH REPOSITORY TAG: one release. All releases share SCRATCH/layer-1.tar with
# the program; the second layer is the description.
images_build_release() {
    local scratch=$1 image=$2:$3 release=$3 description=$SETUP_ROOT/compose/ledger/releases/$3.json hash
    local config=$SETUP_ROOT/compose/images/ledger/config.json
    if [ ! -r "$description" ]; then
        setup_fail "there is no release $release" "see $(dirname "$description")"
        return 1
    fi
    hash=$(images_hash "$scratch/program/ledger" "$description" "$config")
    if ! images_current "$image" "$hash"; then
        install -m 644 "$description" "$scratch/description/etc/ledger/release.json"
        images_layer "$scratch/layer-2.tar" "$scratch/description" &&
            images_load "$image" "$scratch" "$config" "INPUTS=$hash" "VERSION=$release" || return 1
    fi
    printf '%s\n' "$image"
}

# ---------------------------------------------------------------- a registry

# start_registry DIRECTORY PORT [USER PASSWORD]: a registry on 127.0.0.1:PORT that keeps its data in
# DIRECTORY and lets images be deleted; with USER, only for that one. Prints its process id.
start_registry() {
    local directory=$1 port=$2 user=${3:-} password=${4:-} pid waited=0
    mkdir -p "$directory/data"
    images_registry_config "$directory" "$port" "$user" >"$directory/config.yml"
    if [ -n "$user" ]; then
        printf '%s\n' "$password" | htpasswd -i -B -c "$directory/htpasswd" "$user" 2>/dev/null
    fi
    # Its own session: it must not die with the terminal, nor hold the caller's output open.
    setsid docker-registry serve "$directory/config.yml" >"$directory/log" 2>&1 </dev/null &
    pid=$!
    until images_registry_answers "$port"; do
        if [ "$waited" -ge 100 ] || ! kill -0 "$pid" 2>/dev/null; then
            tail -n 5 "$directory/log" >&2
            kill "$pid" 2>/dev/null || true
            setup_fail "the registry did not start on port $port" "read $directory/log"
            return 1
        fi
        sleep 0.1
        waited=$((waited + 1))
    done
    printf '%s\n' "$pid" | tee "$directory/pid"
}

images_registry_config() {
    cat <<CONFIG
version: 0.1
log:
  level: warn
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: $1/data
  delete:
    enabled: true
http:
  addr: 127.0.0.1:$2
CONFIG
    if [ -z "$3" ]; then return 0; fi
    cat <<CONFIG
auth:
  htpasswd:
    realm: registry
    path: $1/htpasswd
CONFIG
}

# Any HTTP answer will do: with a user it is 401.
images_registry_answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# stop_registry PID
stop_registry() {
    local waited=0
    kill "$1" 2>/dev/null || return 0
    while kill -0 "$1" 2>/dev/null; do
        if [ "$waited" -ge 50 ]; then kill -9 "$1" 2>/dev/null || true; fi
        sleep 0.1
        waited=$((waited + 1))
    done
}

# push_image SOURCE REFERENCE [USER PASSWORD]: pushes the local image SOURCE as REFERENCE
# (127.0.0.1:PORT/name:tag) and prints its digest. The credentials are kept nowhere.
push_image() {
    local source=$1 reference=$2 user=${3:-} password=${4:-} settings status=0 output
    settings=$(mktemp -d)
    docker tag "$source" "$reference"
    if [ -n "$user" ]; then
        printf '%s' "$password" |
            docker --config "$settings" login --username "$user" --password-stdin "${reference%%/*}" >/dev/null 2>&1 ||
            status=$?
    fi
    if [ "$status" -eq 0 ]; then
        output=$(docker --config "$settings" push "$reference" 2>&1) || status=$?
    fi
    rm -rf "$settings"
    if [ "$status" -ne 0 ]; then
        setup_fail "could not push $reference" "${output:-the registry did not take these credentials}"
        return 1
    fi
    printf '%s\n' "$output" | sed -n 's/.*digest: \(sha256:[0-9a-f]*\).*/\1/p'
}
