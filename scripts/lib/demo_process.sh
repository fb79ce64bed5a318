# shellcheck shell=bash
# The demo's install without Docker and PostgreSQL: the sample product as a collector of receipts, one process over a SQLite
# file. To be sourced by demo.sh.

DEMO_RELEASES=(1.0.0 1.1.0 2.0.0-migration-fails)

kind_prepare() {
    local program release folder
    INSTALL=$WORK/collector
    program=$(build_programs)
    PORT=$(free_port)
    mkdir -p "$INSTALL"
    for release in "${DEMO_RELEASES[@]}"; do
        folder=$WORK/releases/$release
        mkdir -p "$folder"
        # Only one program, which can be large, whatever release it plays.
        ln "$program" "$folder/ledger" 2>/dev/null || cp "$program" "$folder/ledger"
        cp "$SOURCE/compose/ledger/releases/$release.json" "$folder/release.json"
        cp "$SOURCE/compose/ledger/play.sh" "$folder/collector"
    done
    describe_collector >"$INSTALL/opsctl.toml"
}

# Shorter times than an operator would give it, so that the story does not drag on.
describe_collector() {
    cat <<DESCRIPTION
[product]
name = "collector"
title = "Collector"

[runtime]
kind = "process"
source = "../releases"

[service]
name = "collector"
command = ["./collector", "api", "--addr", "127.0.0.1:\${PORT}", "--db", "\${DATABASE}"]
version = ["./collector", "--version"]
port = $PORT
health = "/healthz"

[health]
stable_for = "500ms"
watch_for = "500ms"
start_timeout = "10s"
stop_grace = "5s"

[migrate]
command = ["./collector", "migrate", "--db", "\${DATABASE}"]
timeout = "30s"
applied = { table = "_migrations", id = "id" }

[database]
kind = "sqlite"
file = "collector.db"
DESCRIPTION
}

kind_install() {
    say 'The install is a folder: a description of the product, its releases, and its store, which is one SQLite file.'
    run cd "$INSTALL" || exit
    run ls -F . "$WORK/releases"
}

kind_serve() {
    run opsctl start 1.0.0
}

# The product takes receipts and gives none back, so that it is asked by sending them again: 409 says that it has them.
kind_present() {
    local id
    while read -r id; do
        kind_write "${id#demo-}"
        if [ "$ANSWER" = 409 ]; then printf '%s\n' "$id"; fi
    done
}

kind_write() {
    local body status=''
    body="{\"id\":\"urn:receipt:demo-$1\",\"credentialSubject\":{\"chain\":{\"chain_id\":\"demo\",\"sequence\":$1},\"action\":{\"type\":\"demo\"}},\"proof\":{\"proofValue\":\"z\"}}"
    # In the middle of a restart the other end is gone: that is no answer, and nothing to die of.
    trap '' PIPE
    {
        printf 'POST /receipts HTTP/1.1\r\nHost: demo\r\nConnection: close\r\nContent-Length: %s\r\n\r\n%s' "${#body}" "$body" >&3
        read -r -t 5 -u 3 _ status _
    } 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$PORT" || true
    ANSWER=$status
}

kind_count() {
    local found
    found=$(opsctl status --output json | sed -n 's/.*"name":"receipts"[^}]*"rows":\([0-9]*\).*/\1/p')
    printf '%s' "${found:?the status does not tell the rows}"
}

kind_is_there() {
    [ -f "$INSTALL/opsctl.toml" ]
}

# kind_remove DIRECTORY: ends what runs from there. Only the demo's processes have their program in it.
kind_remove() {
    local waited=0 pids
    while pids=$(demo_processes "$1") && [ -n "$pids" ]; do
        # shellcheck disable=SC2086 # one word each
        if [ "$waited" -eq 0 ]; then kill $pids 2>/dev/null; fi
        # shellcheck disable=SC2086
        if [ "$waited" -ge 50 ]; then kill -9 $pids 2>/dev/null; fi
        if [ "$waited" -ge 100 ]; then
            setup_fail "processes of $1 do not end: $pids"
            return 1
        fi
        sleep 0.1
        waited=$((waited + 1))
    done
}

demo_processes() {
    local exe
    for exe in /proc/[0-9]*/exe; do
        case $(readlink "$exe" 2>/dev/null) in
        "$1"/*) exe=${exe#/proc/} && printf '%s ' "${exe%/exe}" ;;
        esac
    done
}

kind_how_to_try() {
    cat <<HOW
  export PATH=$WORK/bin:\$PATH
  cd $INSTALL && opsctl status
HOW
}

kind_what_stays() {
    :
}
