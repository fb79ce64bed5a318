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
# shellcheck source=scripts/lib/install.sh
. scripts/lib/install.sh

# Suites that wait for processes to become stable or to end, and leave the processors idle: as many at a time as keep them busy.
readonly WAITING=(embedded systemd)

main() {
    stage 'set-up' set_up
    stage 'shell scripts' check_scripts
    stage 'formatting' cargo fmt --all --check
    stage 'lints' cargo clippy --quiet --workspace --all-targets -- -D warnings
    # All at once: a package built alone has features of its own, and its dependencies are built once more.
    stage 'build' cargo build --quiet --workspace --tests --bins
    stage 'images' build_images
    stage 'tests that wait' test_what_waits
    stage 'tests' test_the_rest
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

set_up() {
    scripts/setup.sh
    # It may have put cargo in a place that only its own PATH knew.
    ensure_rust
    # For images without a base, for certificates, for the check of the scripts, for small disks and separate networks.
    ensure_packages busybox-static openssl shellcheck e2fsprogs mount iproute2
    # For stores that another program made.
    ensure_packages sqlite3
    # To look at the page of a support bundle.
    ensure_packages chromium fonts-dejavu-core
}

check_scripts() {
    shellcheck --external-sources scripts/*.sh scripts/lib/*.sh compose/ledger/play.sh .ci/run
}

# The sample product's releases, the PostgreSQL servers and the machine with systemd that the live tests run on.
build_images() {
    local major
    build_ledger_images "$(built_binary debug ledger)"
    for major in 15 18; do
        build_postgres "$major"
    done
    build_systemd
}

test_what_waits() {
    cargo test --quiet --workspace "${WAITING[@]/#/--test=}" -- --test-threads=6
}

test_the_rest() {
    local file name suites=()
    for file in tests/*.rs tests/*/main.rs compose/ledger/tests/*.rs; do
        name=${file%/main.rs}
        name=$(basename "$name" .rs)
        [[ " ${WAITING[*]} " == *" $name "* ]] || suites+=("--test=$name")
    done
    cargo test --quiet --workspace --lib --bins "${suites[@]}" -- --test-threads=2
}

main
