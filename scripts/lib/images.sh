# shellcheck shell=bash
# Builds the images of the sample product and of its databases where none can be pulled, and runs
# a registry to pull them from. To be sourced after setup.sh.
#
# Every image bears a hash of what it was made from in the label `opsctl.sample.inputs`; one with
# the same hash is not built again.

# shellcheck source=scripts/lib/postgres_rootfs.sh
. "$(dirname "${BASH_SOURCE[0]}")/postgres_rootfs.sh"

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

# The builder that every engine has, plugin or not.
images_docker_build() {
    DOCKER_BUILDKIT=0 docker build --quiet --force-rm "$@" 2>/dev/null
}

# ---------------------------------------------------------------- PostgreSQL

# build_postgres MAJOR: makes opsctl-sample/postgres:MAJOR for 15, 16, 17 or 18. It takes the
# variables of the official image and keeps its data at the same path.
build_postgres() {
    local major=$1 tag=opsctl-sample/postgres:$1 source=$SETUP_ROOT/compose/images/postgres hash scratch status=0
    hash=$(images_hash "$major" "$(uname -m)" "$source"/Dockerfile "$source"/entrypoint.sh \
        "$source/wheels-$major.txt" "$SETUP_ROOT/scripts/lib/postgres_rootfs.sh")
    if images_current "$tag" "$hash"; then return 0; fi
    setup_say "building $tag"
    scratch=$(mktemp -d)
    images_postgres_context "$major" "$scratch" &&
        images_docker_build --tag "$tag" --build-arg "PG_MAJOR=$major" --build-arg "INPUTS=$hash" \
            --build-arg "PG_BIN=$(rootfs_bin "$major")" --build-arg "PG_DATA=$(rootfs_data "$major")" \
            "$scratch/context" >/dev/null || status=$?
    rm -rf "$scratch"
    if [ "$status" -ne 0 ]; then setup_fail "could not build $tag"; fi
}

# images_postgres_context MAJOR SCRATCH: fills SCRATCH/context with what the Dockerfile wants.
images_postgres_context() {
    mkdir -p "$2/root" "$2/context"
    rootfs_build "$1" "$2/root" || return 1
    tar -c --numeric-owner -C "$2/root" -f "$2/context/rootfs.tar" . &&
        cp "$SETUP_ROOT/compose/images/postgres/Dockerfile" "$2/context/"
}
