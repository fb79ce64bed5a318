#!/usr/bin/env bash
# Installs what opsctl's demo and tests need and this machine lacks.
#
# usage: scripts/setup.sh [rust|docker|compose|postgres-tools|postgres-server|registry|pgbouncer]...
#        without arguments: all of them
set -euo pipefail

# shellcheck source=scripts/lib/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/setup.sh"

if [ $# -eq 0 ]; then
    set -- rust docker compose postgres-tools postgres-server registry pgbouncer
fi

for part in "$@"; do
    case $part in
    rust) ensure_rust ;;
    docker) ensure_docker ;;
    compose) ensure_docker && ensure_compose ;;
    postgres-tools) ensure_postgres_tools ;;
    postgres-server) ensure_postgres_server ;;
    registry) ensure_registry ;;
    pgbouncer) ensure_pgbouncer ;;
    -h | --help)
        sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 0
        ;;
    *)
        printf 'setup: error: unknown part "%s"\n' "$part" >&2
        exit 2
        ;;
    esac
done
