#!/usr/bin/env bash
# Measures opsctl beside the shell scripts that it takes the place of: same machine, same database, same run.
#
# usage: scripts/bench.sh [--runs N] [--size MB] [--only PART]... [--output FILE] [--keep]
#
#   --runs N       repetitions of each measurement, taken in turn; medians are told (default 3)
#   --size MB      size of the database (default 850, of which half is hard to compress)
#   --only PART    binary, backup, restore, upgrade, redaction, store; may be given again (default: all)
#   --output FILE  where the figures go as JSON (default bench.json)
#   --keep         leave the install standing, and say where it is
#
# Installs what is missing (as root on Debian or Ubuntu), builds for release, makes a throw-away install of the
# sample product with its bundled PostgreSQL 15 on free ports, and removes it at the end. `binary` and `store`, which is of a
# product that is one process and one SQLite file, need no Docker.
# docs/performance.md says what is measured and how.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=scripts/lib/setup.sh
. scripts/lib/setup.sh
# shellcheck source=scripts/lib/images.sh
. scripts/lib/images.sh

RUNS=3
SIZE_MB=850
PARTS=()
API_PORT=0 POSTGRES_PORT=0 AGENT_KEY=
OUTPUT=bench.json
KEEP_INSTALL=
REPOSITORY=opsctl-bench/ledger
RELEASES=(1.0.0 1.1.0 2.0.0-migration-fails)

main() {
    read_arguments "$@"
    ensure_everything
    build_everything
    INSTALL=$(mktemp -d "${TMPDIR:-/tmp}/opsctl-bench-XXXXXX")
    trap remove_install EXIT
    trap 'exit 130' INT TERM
    if wants backup restore upgrade redaction; then
        make_install
        start_product
    fi
    if wants backup restore upgrade; then fill_database; fi
    python3 scripts/bench/run.py --install "$INSTALL" --opsctl "$OPSCTL" --ledger "$LEDGER" --api-port "$API_PORT" \
        --postgres-port "$POSTGRES_PORT" --agent-key "$AGENT_KEY" --runs "$RUNS" --size "$SIZE_MB" --output "$OUTPUT" \
        ${KEEP_INSTALL:+--keep} "${PARTS[@]/#/--only=}"
}

read_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
        --runs) RUNS=$2 && shift ;;
        --size) SIZE_MB=$2 && shift ;;
        --only) PARTS+=("$2") && shift ;;
        --output) OUTPUT=$2 && shift ;;
        --keep) KEEP_INSTALL=yes ;;
        -h | --help)
            sed -n '2,15s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        *)
            printf 'bench: error: unknown argument "%s"\n' "$1" >&2
            exit 2
            ;;
        esac
        shift
    done
    if [ ${#PARTS[@]} -eq 0 ]; then PARTS=(binary backup restore upgrade redaction store); fi
}

# wants PART...: whether one of these is to be measured.
wants() {
    local wanted part
    for wanted in "${PARTS[@]}"; do
        for part in "$@"; do
            if [ "$wanted" = "$part" ]; then return 0; fi
        done
    done
    return 1
}

ensure_everything() {
    ensure_rust
    ensure_packages python3 openssl file
    if wants store; then ensure_packages sqlite3; fi
    if wants backup restore upgrade redaction; then
        ensure_docker
        ensure_compose
        ensure_postgres_tools
    fi
}

build_everything() {
    local target
    setup_say 'building for release'
    cargo build --quiet --release --package opsctl --package ledger
    target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
    target+=/$(rustc -vV | sed -n 's/^host: //p')/release
    OPSCTL=$target/opsctl
    LEDGER=$target/ledger
    if wants backup restore upgrade redaction; then
        build_postgres 15
        build_ledger_images "$LEDGER" "$REPOSITORY" "${RELEASES[@]}" >/dev/null
    fi
}

# ---------------------------------------------------------------- the install

make_install() {
    local database_password
    read -r API_PORT WORKER_PORT POSTGRES_PORT < <(free_ports)
    database_password=$(openssl rand -hex 16)
    mkdir "$INSTALL/compose" "$INSTALL/backup"
    cp compose/*.yml "$INSTALL/compose/"
    (umask 077 && cat >"$INSTALL/compose/.env") <<SETTINGS
COMPOSE_PROJECT_NAME=$(basename "$INSTALL" | tr '[:upper:]' '[:lower:]')
COMPOSE_FILE=docker-compose.yml:docker-compose.postgres.yml:docker-compose.prod.yml
LEDGER_IMAGE=$REPOSITORY
LEDGER_VERSION=${RELEASES[0]}
LEDGER_HOST_PORT=$API_PORT
LEDGER_WORKER_HOST_PORT=$WORKER_PORT
LEDGER_HEALTH_INTERVAL=1s
POSTGRES_HOST_PORT=$POSTGRES_PORT
POSTGRES_IMAGE=opsctl-sample/postgres:15
POSTGRES_VOLUME_PATH=$(rootfs_data 15)
POSTGRES_PASSWORD=$database_password
API_KEY_SECRET=$(openssl rand -hex 32)
VAULT_SIGNING_KEY=$(docker run --rm "$REPOSITORY:${RELEASES[0]}" generate-signing-key)
SETTINGS
}

free_ports() {
    python3 - <<'PYTHON'
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(one.getsockname()[1] for one in held))
PYTHON
}

start_product() {
    setup_say "starting the product in $INSTALL"
    compose up --detach --wait --quiet-pull 2>/dev/null
    AGENT_KEY=$(compose exec -T ledger-api /ledger create-api-key --role agent --name bench)
}

compose() {
    (cd "$INSTALL/compose" && docker compose "$@")
}

# Half of the database is as easy to compress as pgbench's tables; the other half is like a ledger: hashes, signatures and
# sealed content that hardly compress, within JSON that does. Every value follows from its row's number.
fill_database() {
    setup_say "filling the database with $SIZE_MB MB"
    compose exec -T -e PGOPTIONS='-c statement_timeout=0' postgres psql -q -U ledger -d ledger \
        -v ON_ERROR_STOP=1 -v easy=$((SIZE_MB * 3200)) -v hard=$((SIZE_MB * 700)) <scripts/bench/fill.sql
    compose exec -T postgres psql -U ledger -d ledger -qAtc \
        "SELECT 'the database has ' || pg_size_pretty(pg_database_size(current_database()))" >&2
}

remove_install() {
    if [ -n "$KEEP_INSTALL" ]; then
        setup_say "the install stays in $INSTALL"
        return
    fi
    if wants backup restore upgrade redaction; then
        compose down --volumes --timeout 10 >/dev/null 2>&1 || true
        docker image ls --quiet --filter "reference=$REPOSITORY" | sort -u | xargs -r docker rmi --force >/dev/null 2>&1 || true
    fi
    rm -rf "$INSTALL"
}

main "$@"
