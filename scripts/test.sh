#!/usr/bin/env bash
# All tests: formatting, lints, unit and command-line tests, and live tests on real Docker and PostgreSQL.
#
# usage: scripts/test.sh
#
# Installs what is missing (as root on Debian or Ubuntu), builds, and cleans up after itself. It can be run again and again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=scripts/lib/setup.sh
. scripts/lib/setup.sh
# shellcheck source=scripts/lib/images.sh
. scripts/lib/images.sh

main() {
    stage 'set-up' scripts/setup.sh
    stage 'shell scripts' check_scripts
    stage 'formatting' cargo fmt --all --check
    stage 'lints' cargo clippy --quiet --workspace --all-targets -- -D warnings
    stage 'images' build_images
    stage 'tests' cargo test --quiet --workspace -- --test-threads=4
    printf '\nall stages passed in %s s\n' "$SECONDS"
}

# stage NAME COMMAND...: runs a command and says how long it took.
stage() {
    local name=$1 began=$SECONDS
    shift
    printf '== %s\n' "$name"
    "$@"
    printf '== %s: %s s\n' "$name" "$((SECONDS - began))"
}

check_scripts() {
    ensure_packages shellcheck
    shellcheck --external-sources scripts/*.sh scripts/lib/*.sh .ci/run
}

# The sample product's releases and the PostgreSQL servers that the live tests run on.
build_images() {
    local major
    cargo build --quiet --package ledger
    build_ledger_images "$(built_binary ledger)"
    for major in 15 18; do
        build_postgres "$major"
    done
}

# built_binary NAME: where cargo put it; the target is named, so its folder is the target's.
built_binary() {
    local target_dir
    target_dir=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
    printf '%s/%s/debug/%s\n' "$target_dir" "$(rustc -vV | sed -n 's/^host: //p')" "$1"
}

main
