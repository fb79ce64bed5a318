#!/bin/sh
# Starts PostgreSQL with the variables and rules of the official image: POSTGRES_USER,
# POSTGRES_PASSWORD, POSTGRES_DB (each also as NAME_FILE), POSTGRES_INITDB_ARGS,
# POSTGRES_HOST_AUTH_METHOD, PGDATA, and /docker-entrypoint-initdb.d/*.{sh,sql,sql.gz}.
set -eu

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# from_file NAME: takes the value from the file that NAME_FILE names.
from_file() {
    eval "value=\${$1:-} file=\${$1_FILE:-}"
    if [ -z "$file" ]; then return 0; fi
    if [ -n "$value" ]; then fail "both $1 and $1_FILE are set"; fi
    value=$(cat "$file")
    export "$1=$value"
    unset "$1_FILE"
}

as_postgres() {
    # shellcheck disable=SC2016 # for the inner shell to expand
    exec su -s /bin/sh postgres -c 'exec "$0" "$@"' -- "$@"
}

initialise() {
    if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "${POSTGRES_HOST_AUTH_METHOD:-}" != trust ]; then
        fail "the database is not initialised and POSTGRES_PASSWORD is not set"
    fi
    # The password goes through a file: arguments can be read by every process on the machine.
    pwfile=$(mktemp)
    printf '%s\n' "${POSTGRES_PASSWORD:-}" >"$pwfile"
    if [ -n "${POSTGRES_PASSWORD:-}" ]; then set -- --pwfile="$pwfile"; else set --; fi
    # Unquoted on purpose: these are several arguments.
    # shellcheck disable=SC2086
    initdb --username="$POSTGRES_USER" --pgdata="$PGDATA" "$@" ${POSTGRES_INITDB_ARGS:-}
    rm -f "$pwfile"
    printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"
}

psql_local() {
    PGHOST='' psql -v ON_ERROR_STOP=1 --no-psqlrc --no-password --username "$POSTGRES_USER" "$@"
}

# Prints its arguments so that a shell reads them back as they are: pg_ctl goes through one.
quoted() {
    for word in "$@"; do
        printf "'%s' " "$(printf '%s' "$word" | sed "s/'/'\\\\''/g")"
    done
}

# What the first start does once the cluster is there, on a server that only the socket reaches.
first_start() {
    pg_ctl -D "$PGDATA" -o "$(quoted "$@" -c listen_addresses=)" -w start
    if [ "$POSTGRES_DB" != postgres ]; then
        psql_local --dbname postgres --set name="$POSTGRES_DB" <<'SQL'
CREATE DATABASE :"name";
SQL
    fi
    for script in /docker-entrypoint-initdb.d/*; do
        case $script in
        *.sh) sh "$script" ;;
        *.sql) psql_local --dbname "$POSTGRES_DB" -f "$script" ;;
        *.sql.gz) gunzip -c "$script" | psql_local --dbname "$POSTGRES_DB" ;;
        esac
    done
    pg_ctl -D "$PGDATA" -m fast -w stop
}

if [ "${1#-}" != "${1:-}" ]; then set -- postgres "$@"; fi
if [ "${1:-}" != postgres ]; then exec "$@"; fi

if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" /var/run/postgresql
    chown postgres:postgres /var/run/postgresql
    find "$PGDATA" ! -user postgres -exec chown postgres:postgres {} +
    chmod 700 "$PGDATA"
    as_postgres "$(command -v docker-entrypoint.sh)" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    from_file POSTGRES_USER
    from_file POSTGRES_PASSWORD
    from_file POSTGRES_DB
    POSTGRES_USER=${POSTGRES_USER:-postgres}
    POSTGRES_DB=${POSTGRES_DB:-$POSTGRES_USER}
    export POSTGRES_USER POSTGRES_DB
    initialise
    shift
    first_start "$@"
    set -- postgres "$@"
fi
exec "$@"
