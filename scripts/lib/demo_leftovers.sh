# shellcheck shell=bash
# What demos leave behind when they are kept or killed. To be sourced by demo.sh.
#
# A demo is a directory with the file `kind` in it; one that still runs has its process in `pid`.

# demo_load KIND: the functions `kind_*` of one kind of install.
demo_load() {
    case $1 in
    process)
        # shellcheck source=scripts/lib/demo_process.sh
        . "$SOURCE/scripts/lib/demo_process.sh"
        ;;
    compose)
        # shellcheck source=scripts/lib/demo_compose.sh
        . "$SOURCE/scripts/lib/demo_compose.sh"
        ;;
    *) setup_fail "there is no demo of kind $1" ;;
    esac
}

# Removes every demo of this user that does not run.
demo_remove_all() {
    local kept found=0 status=0
    for kept in "${TMPDIR:-/tmp}"/opsctl-demo.*; do
        if [ ! -O "$kept" ] || [ -L "$kept" ] || [ ! -f "$kept/kind" ]; then continue; fi
        found=1
        demo_remove "$kept" || status=1
    done
    if [ "$found" -eq 0 ]; then printf 'no demo left anything\n'; fi
    return "$status"
}

demo_remove() {
    local kept=$1
    if [ -f "$kept/pid" ] && kill -0 "$(<"$kept/pid")" 2>/dev/null; then
        printf '%s is left alone: its demo runs, as process %s\n' "$kept" "$(<"$kept/pid")"
        return 0
    fi
    demo_load "$(<"$kept/kind")" && kind_remove "$kept" && rm -rf "$kept" && printf 'removed %s\n' "$kept"
}
