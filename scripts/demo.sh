#!/usr/bin/env bash
# Shows opsctl's main job on a throw-away install: an upgrade under a client that never stops writing, a broken upgrade that
# rolls itself back, a restore, its undo, a rollback.
#
# usage: scripts/demo.sh               a product that is one process and one SQLite file; needs neither Docker nor PostgreSQL
#        scripts/demo.sh --compose     the same with Docker Compose and PostgreSQL
#        scripts/demo.sh ... --keep    leaves the install running at its end, to try things by hand (also KEEP_DEMO=1)
#        scripts/demo.sh --clean-up    removes all that demos left, also those that were killed
#
# It builds opsctl and the sample product (DEMO_BINARIES=FOLDER takes the `opsctl` and `ledger` that are there), and as root on
# Debian or Ubuntu installs what is missing. It touches nothing but its own processes, containers, volumes, networks, images
# and one temporary directory, and can be run again and again.
set -euo pipefail
SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# shellcheck source=scripts/lib/setup.sh
. "$SOURCE/scripts/lib/setup.sh"
# shellcheck source=scripts/lib/images.sh
. "$SOURCE/scripts/lib/images.sh"
# shellcheck source=scripts/lib/install.sh
. "$SOURCE/scripts/lib/install.sh"
# shellcheck source=scripts/lib/demo_story.sh
. "$SOURCE/scripts/lib/demo_story.sh"
# shellcheck source=scripts/lib/demo_client.sh
. "$SOURCE/scripts/lib/demo_client.sh"
# shellcheck source=scripts/lib/demo_leftovers.sh
. "$SOURCE/scripts/lib/demo_leftovers.sh"

KIND=process KEEP=${KEEP_DEMO:-}

main() {
    read_arguments "$@"
    demo_load "$KIND"
    begin_work
    heading 'Getting ready'
    kind_prepare
    tell_story
}

read_arguments() {
    local argument
    for argument in "$@"; do
        case $argument in
        --compose) KIND=compose ;;
        --keep) KEEP=1 ;;
        --clean-up) demo_remove_all && exit ;;
        --help | -h) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" && exit ;;
        *)
            printf 'demo: error: %s is not known\ndemo: hint: scripts/demo.sh --help\n' "$argument" >&2
            exit 2
            ;;
        esac
    done
}

begin_work() {
    WORK=$(mktemp -d -t opsctl-demo.XXXXXX)
    printf '%s\n' "$KIND" >"$WORK/kind"
    printf '%s\n' $$ >"$WORK/pid"
    trap 'finish_work' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    mkdir "$WORK/bin"
    export PATH="$WORK/bin:$PATH"
}

# build_programs PROFILE: opsctl as it is installed, and the sample product; prints where the latter is.
build_programs() {
    local programs=${DEMO_BINARIES:-}
    if [ -n "$programs" ]; then
        ln -s "$(realpath "$programs/opsctl")" "$WORK/bin/opsctl" && realpath "$programs/ledger"
        return
    fi
    ensure_rust || return 1
    say 'Building opsctl and the sample product: minutes the first time, seconds after that.' >&2
    cd "$SOURCE" &&
        cargo build --quiet --release --package opsctl --package ledger &&
        ln -s "$(built_binary release opsctl)" "$WORK/bin/opsctl" &&
        built_binary release ledger
}

finish_work() {
    local status=$?
    trap - EXIT
    set +e
    cd "$SOURCE"
    abandon_writer
    rm -f "$WORK/pid"
    if [ "$KEEP" = 1 ] && kind_is_there; then
        tell_how_to_go_on
        exit "$status"
    fi
    kind_remove "$WORK"
    rm -rf "$WORK"
    if [ "$status" -eq 0 ]; then tell_what_is_left; fi
    exit "$status"
}

tell_how_to_go_on() {
    say "The install is kept in $INSTALL. Try it:"
    kind_how_to_try
    say 'Clean up:'
    printf '  %s --clean-up\n' "$SOURCE/scripts/demo.sh"
}

tell_what_is_left() {
    say 'All that the demo made is removed, but for what was built or installed, which stays for the next time.'
    kind_what_stays
    printf '%s --keep keeps the install, to try things by hand.\n' 'scripts/demo.sh'
}

main "$@"
