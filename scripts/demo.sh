#!/usr/bin/env bash
# Shows opsctl's main job on a throw-away install: upgrade, a broken upgrade that rolls itself back, restore, undo, rollback.
#
# usage: scripts/demo.sh          cleans up at its end
#        KEEP_DEMO=1 scripts/demo.sh    leaves the install running and says how to clean up
#
# As root on Debian or Ubuntu it installs what is missing, Docker included, and builds opsctl and the sample product. It
# touches nothing but its own containers, volumes, networks, images and one temporary directory, and can be run again and again.
set -euo pipefail
SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# shellcheck source=scripts/lib/setup.sh
. "$SOURCE/scripts/lib/setup.sh"
# shellcheck source=scripts/lib/images.sh
. "$SOURCE/scripts/lib/images.sh"
# shellcheck source=scripts/lib/install.sh
. "$SOURCE/scripts/lib/install.sh"

RELEASES=(1.0.0 1.1.0 2.0.0-migration-fails)
PROJECT=opsctl-demo-$$
WRITER='' REGISTRY='' IMAGE=''

main() {
    WORK=$(mktemp -d -t opsctl-demo.XXXXXX)
    INSTALL=$WORK/ledger
    ACKNOWLEDGED=$WORK/acknowledged
    trap 'clean_up' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    prepare
    tell_install
    tell_upgrade
    tell_broken_upgrade
    tell_restore
    tell_rollback
    tell_summary
}

# ---------------------------------------------------------------- before the story

prepare() {
    heading 'Getting ready'
    ensure_packages curl
    ensure_rust
    ensure_docker
    ensure_compose
    ensure_registry
    say 'Building opsctl and the sample product: minutes the first time, seconds after that.'
    (cd "$SOURCE" && cargo build --quiet --release --package opsctl && cargo build --quiet --package ledger)
    build_postgres 18
    publish_releases
    mkdir "$WORK/bin"
    ln -s "$(cd "$SOURCE" && built_binary release opsctl)" "$WORK/bin/opsctl"
    export PATH="$WORK/bin:$PATH"
}

# A registry of its own, so that releases are pulled by digest as from any other. What was built is not kept beside it.
publish_releases() {
    local port release
    port=$(free_port)
    IMAGE=127.0.0.1:$port/ledger
    start_registry "$WORK/registry" "$port" >/dev/null
    REGISTRY=$(<"$WORK/registry/pid")
    build_ledger_images "$(cd "$SOURCE" && built_binary debug ledger)" "$IMAGE" "${RELEASES[@]}" >/dev/null
    for release in "${RELEASES[@]}"; do
        push_image "$IMAGE:$release" "$IMAGE:$release" >/dev/null
    done
    create_install "$INSTALL" "$PROJECT" "$IMAGE"
    remove_images
}

# ---------------------------------------------------------------- the story

tell_install() {
    heading '1. A product is installed, and a client writes to it'
    say "The install is a directory with Compose files and a .env; opsctl recognises the product by its services."
    run cd "$INSTALL/compose"
    run docker compose --progress quiet up --detach --wait
    run cd "$INSTALL"
    OPSCTL_PLATFORM_KEY=$(create_key "$INSTALL" platform)
    export OPSCTL_PLATFORM_KEY
    API=http://127.0.0.1:$(install_setting "$INSTALL" LEDGER_HOST_PORT)
    say 'From here on a client writes records without a pause, and notes each one that the product acknowledged.'
    start_writer
    sleep 3
    run opsctl status
}

tell_upgrade() {
    local began
    heading '2. An upgrade'
    say 'What would it do? Nothing is changed by asking.'
    run opsctl upgrade 1.1.0 --plan
    say 'It is done. Without a terminal, consent is --non-interactive; at one, opsctl asks.'
    began=$EPOCHREALTIME
    run opsctl upgrade 1.1.0 --non-interactive
    sleep 2
    UPGRADE_GAP=$(longest_gap "$began")
    say "For the client, the longest time without an acknowledged write was $UPGRADE_GAP s; it retried, and lost nothing:"
    prove_writes
}

tell_broken_upgrade() {
    local began
    heading '3. An upgrade that breaks'
    say 'Release 2.0.0-migration-fails commits some changes to the schema, and then its migration fails.'
    say 'opsctl goes back by itself, to the old release with the old data, and exits with 4.'
    began=$EPOCHREALTIME
    run_expecting 4 opsctl upgrade 2.0.0-migration-fails --non-interactive
    sleep 2
    BROKEN_GAP=$(longest_gap "$began")
    say "Longest time without an acknowledged write: $BROKEN_GAP s."
    prove_writes
    run opsctl status
}

tell_restore() {
    heading '4. A restore, and its undo'
    say 'The client stops, so that the numbers can be compared.'
    stop_writer
    BEFORE_RESTORE=$(count_records)
    say "The product holds $BEFORE_RESTORE records. These are the backups; the upgrades took them:"
    run opsctl backup list
    say 'The newest is put in the place of the live data. It is loaded and compared while the product still serves.'
    run opsctl restore latest --non-interactive
    AFTER_RESTORE=$(count_records)
    say "Now it holds $AFTER_RESTORE records: what was written after the backup is not there. That can be undone in seconds:"
    run opsctl restore --undo --non-interactive
    AFTER_UNDO=$(count_records)
    say "It holds $AFTER_UNDO records again."
    [ "$AFTER_UNDO" -eq "$BEFORE_RESTORE" ] || fail "the undo gave $AFTER_UNDO records, not $BEFORE_RESTORE"
    prove_writes
}

tell_rollback() {
    heading '5. Back to the release before'
    say 'Clients have written to 1.1.0 since the upgrade. Going back loses that: opsctl measures it, and would ask at a terminal.'
    run opsctl rollback --non-interactive
    AFTER_ROLLBACK=$(count_records)
    say 'All of this is on record:'
    run opsctl history
}

tell_summary() {
    heading 'What happened'
    printf '%-62s %s\n' \
        'writes that the product acknowledged' "$(wc -l <"$ACKNOWLEDGED")" \
        'of these missing after the upgrade and the broken one' 0 \
        'longest time without a write, upgrade to 1.1.0' "$UPGRADE_GAP s" \
        'longest time without a write, broken upgrade and way back' "$BROKEN_GAP s" \
        'records before the restore, after it, after its undo' "$BEFORE_RESTORE, $AFTER_RESTORE, $AFTER_UNDO" \
        'records after the rollback to 1.0.0' "$AFTER_ROLLBACK"
}

# ---------------------------------------------------------------- the client

start_writer() {
    : >"$ACKNOWLEDGED"
    write_records "$OPSCTL_PLATFORM_KEY" &
    WRITER=$!
}

# A write that got no answer is tried again under the same identifier: 409 says that it had been taken.
write_records() {
    local number=0 answer
    while [ ! -e "$WORK/stop" ]; do
        number=$((number + 1))
        until
            answer=$(curl --silent --output /dev/null --write-out '%{http_code}' --max-time 5 \
                --header "Authorization: Bearer $1" --header 'Content-Type: application/json' \
                --data "{\"kind\":\"demo\",\"payload\":{\"number\":$number},\"clientId\":\"demo-$number\"}" \
                "$API/v1/records")
            [ "$answer" = 201 ] || [ "$answer" = 409 ]
        do
            sleep 0.05
        done
        printf '%s demo-%s\n' "$EPOCHREALTIME" "$number" >>"$ACKNOWLEDGED"
        sleep 0.02
    done
}

# It ends behind an acknowledged write.
stop_writer() {
    touch "$WORK/stop"
    wait "$WRITER"
    WRITER=''
}

# longest_gap SINCE: seconds between two acknowledged writes that followed each other.
longest_gap() {
    awk -v since="$1" '$1 >= since { if (last && $1 - last > gap) gap = $1 - last } { last = $1 } END { printf "%.1f", gap }' \
        "$ACKNOWLEDGED"
}

# Asks the product's database for each write that was acknowledged.
prove_writes() {
    local acknowledged missing
    cut -d ' ' -f 2 "$ACKNOWLEDGED" | sort >"$WORK/wanted"
    query 'SELECT client_id FROM records' | sort >"$WORK/present"
    acknowledged=$(wc -l <"$WORK/wanted")
    missing=$(comm -23 "$WORK/wanted" "$WORK/present" | wc -l)
    say "$acknowledged writes acknowledged, $((acknowledged - missing)) of them present."
    [ "$missing" -eq 0 ] || fail "$missing acknowledged writes are gone"
}

count_records() {
    query 'SELECT count(*) FROM records'
}

query() {
    (cd "$INSTALL/compose" && docker compose exec -T postgres psql -U ledger -d ledger -Atc "$1")
}

# ---------------------------------------------------------------- telling

heading() {
    printf '\n%s== %s%s\n' "$BOLD" "$1" "$PLAIN"
}

say() {
    printf '\n%s\n' "$1"
}

# run COMMAND...: shows a command as it is typed, and its output.
run() {
    run_expecting 0 "$@"
}

run_expecting() {
    local wanted=$1 status=0
    shift
    printf '\n%s$ %s%s\n' "$BOLD" "$*" "$PLAIN"
    "$@" || status=$?
    if [ "$wanted" -ne 0 ]; then printf 'exit status: %s\n' "$status"; fi
    [ "$status" -eq "$wanted" ] || fail "\"$*\" ended with status $status, not $wanted"
}

fail() {
    printf 'demo: error: %s\n' "$1" >&2
    exit 1
}

BOLD='' PLAIN=''
if [ -t 1 ]; then
    BOLD=$'\e[1m' PLAIN=$'\e[0m'
fi

# ---------------------------------------------------------------- afterwards

clean_up() {
    local status=$?
    trap - EXIT
    set +e
    cd "$SOURCE"
    if [ -n "$WRITER" ]; then kill "$WRITER" && wait "$WRITER" 2>/dev/null; fi
    if [ "${KEEP_DEMO:-}" = 1 ] && [ -d "$INSTALL" ]; then
        tell_how_to_clean_up
        exit "$status"
    fi
    remove_install "$INSTALL" "$PROJECT"
    if [ -n "$REGISTRY" ]; then stop_registry "$REGISTRY"; fi
    if [ -n "$IMAGE" ]; then remove_images; fi
    rm -rf "$WORK"
    if [ "$status" -eq 0 ]; then
        say 'All that the demo made is removed, but for packages, what cargo built, and the image of PostgreSQL, which stay for the next time:
  docker image rm opsctl-sample/postgres:18
KEEP_DEMO=1 keeps the install, to try things by hand.'
    fi
    exit "$status"
}

# The releases' images of this run, under all their names.
remove_images() {
    docker image ls --format '{{.Repository}}:{{.Tag}}' "$IMAGE" | { grep -v '<none>' || true; } |
        xargs -r docker image rm --force >/dev/null
}

tell_how_to_clean_up() {
    cat <<HOW

The install is kept in $INSTALL. Try it:
  export PATH=$WORK/bin:\$PATH OPSCTL_PLATFORM_KEY=${OPSCTL_PLATFORM_KEY:-}
  cd $INSTALL && opsctl status

Clean up:
  (cd $INSTALL/compose && docker compose down --volumes)
  kill $REGISTRY        # the registry
  docker image ls --quiet $IMAGE | sort -u | xargs -r docker image rm --force
  rm -rf $WORK
HOW
}

main
