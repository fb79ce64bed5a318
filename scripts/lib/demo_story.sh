# shellcheck shell=bash
# What the demo shows, chapter by chapter, on an install of either kind. To be sourced by demo.sh.
#
# A kind has: kind_prepare, kind_install, kind_serve, kind_write NUMBER, kind_present, kind_count, kind_is_there, kind_remove
# DIRECTORY, kind_how_to_try and kind_what_stays.

tell_story() {
    STORY_BEGAN=$SECONDS
    tell_install
    tell_upgrade
    tell_broken_upgrade
    tell_restore
    tell_rollback
    tell_bundle
    tell_history
    tell_summary
}

tell_install() {
    heading '1. A product is installed, and a client writes to it'
    kind_install
    kind_serve
    say 'From here on a client writes records without a pause, and notes each one that the product acknowledged.'
    start_writer
    await_writes
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
    await_writes
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
    await_writes
    BROKEN_GAP=$(longest_gap "$began")
    say "Longest time without an acknowledged write: $BROKEN_GAP s."
    prove_writes
    run opsctl status
}

tell_restore() {
    heading '4. A restore, and its undo'
    say 'The client stops, so that the numbers can be compared.'
    stop_writer
    BEFORE_RESTORE=$(kind_count)
    say "The product holds $BEFORE_RESTORE records. These are the backups; the upgrades took them:"
    run opsctl backup list
    say 'The newest is put in the place of the live data. It is loaded and compared while the product still serves.'
    run opsctl restore latest --non-interactive
    AFTER_RESTORE=$(kind_count)
    [ "$AFTER_RESTORE" -lt "$BEFORE_RESTORE" ] || fail "the restore gave $AFTER_RESTORE records, not fewer than $BEFORE_RESTORE"
    say "Now it holds $AFTER_RESTORE records: what was written after the backup is not there. That can be undone in seconds:"
    run opsctl restore --undo --non-interactive
    AFTER_UNDO=$(kind_count)
    say "It holds $AFTER_UNDO records again."
    [ "$AFTER_UNDO" -eq "$BEFORE_RESTORE" ] || fail "the undo gave $AFTER_UNDO records, not $BEFORE_RESTORE"
    prove_writes
}

tell_rollback() {
    heading '5. Back to the release before'
    say 'Clients have written to 1.1.0 since the upgrade. Going back loses that: opsctl measures it, and would ask at a terminal.'
    run opsctl rollback --non-interactive
    AFTER_ROLLBACK=$(kind_count)
}

tell_bundle() {
    heading '6. What support gets'
    say 'Everything that support needs to find a cause, packed without anything that is secret. Nothing is sent anywhere.'
    run opsctl support-bundle --to "$WORK"
    say 'What can be told from it, on any machine:'
    run opsctl support-bundle inspect "$WORK"/support-bundle-*.tar.gz
}

tell_history() {
    heading '7. What was done, by whom, and how it ended'
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
        'records after the rollback to 1.0.0' "$AFTER_ROLLBACK" \
        'time that the demo took, once all was built' "$((SECONDS - STORY_BEGAN)) s"
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
