# shellcheck shell=bash
# Finds opsctl and runs it on the install that the calling script belongs to. To be sourced.

# run_opsctl ARGUMENT...: replaces the shell by opsctl.
# OPSCTL names the binary; else it is looked for on the PATH and in this checkout's build.
run_opsctl() {
    local here binary
    here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
    if ! binary=$(opsctl_binary "$here"); then
        printf 'error: opsctl is not installed\nhint: put it on the PATH, or set OPSCTL to its path\n' >&2
        exit 1
    fi
    OPSCTL_DIR=${OPSCTL_DIR:-$here} exec "$binary" "$@"
}

opsctl_binary() {
    local candidate
    for candidate in "${OPSCTL:-}" "$(command -v opsctl || true)" "$1"/target/*/release/opsctl "$1"/target/release/opsctl; do
        if [ -n "$candidate" ] && [ -x "$candidate" ]; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    return 1
}
