#!/bin/sh
# A small product of somebody else's: `x serve`, and `x db upgrade URL` for its schema.
set -eu

release=$(cat /etc/x-release)

serve() {
    mkdir -p /tmp/www
    printf 'all is well\n' >/tmp/www/health
    cp /etc/x-release /tmp/www/version
    exec busybox httpd -f -p 8080 -h /tmp/www
}

statements() {
    printf 'CREATE TABLE IF NOT EXISTS notes (id int PRIMARY KEY, text text NOT NULL);\n'
    if [ "$release" = 1.0 ]; then return 0; fi
    printf 'ALTER TABLE notes ADD COLUMN IF NOT EXISTS written timestamptz DEFAULT now();\n'
    if [ "$release" = 2.0 ]; then return 0; fi
    # Every statement commits by itself, so that this release fails half-way.
    printf 'ALTER TABLE notes ADD COLUMN half int;\nALTER TABLE nothing ADD COLUMN rest int;\n'
}

case "$*" in
serve) serve ;;
'db upgrade '*) statements | psql "$3" -X -v ON_ERROR_STOP=1 ;;
*)
    echo "usage: x serve | x db upgrade URL" >&2
    exit 2
    ;;
esac
