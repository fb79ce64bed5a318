# shellcheck shell=bash
# The demo's client: it writes without a pause, and notes what the product acknowledged. To be sourced by demo.sh.
#
# How one write is made is the kind's: `kind_write NUMBER` puts the status of the answer into ANSWER, and nothing without one.

WRITER='' ANSWER=''

start_writer() {
    ACKNOWLEDGED=$WORK/acknowledged
    : >"$ACKNOWLEDGED"
    touch "$WORK/writing"
    write_on &
    WRITER=$!
}

# A write that got no answer is tried again under the same identifier: 409 says that it had been taken.
write_on() {
    local number=0
    trap - EXIT
    while [ -e "$WORK/writing" ]; do
        number=$((number + 1))
        until
            kind_write "$number"
            [ "$ANSWER" = 201 ] || [ "$ANSWER" = 409 ]
        do
            [ -d "$WORK" ] || return 0
            sleep 0.05
        done
        printf '%s demo-%s\n' "$EPOCHREALTIME" "$number" >>"$ACKNOWLEDGED"
        sleep 0.02
    done
}

# It ends behind an acknowledged write.
stop_writer() {
    rm -f "$WORK/writing"
    wait "$WRITER"
    WRITER=''
}

# Ends it at once, wherever it is.
abandon_writer() {
    if [ -n "$WRITER" ]; then kill "$WRITER" 2>/dev/null && wait "$WRITER" 2>/dev/null; fi
}

# await_writes: some more are acknowledged.
await_writes() {
    local wanted waited=0
    wanted=$(($(wc -l <"$ACKNOWLEDGED") + 10))
    while [ "$(wc -l <"$ACKNOWLEDGED")" -lt "$wanted" ]; do
        if [ "$waited" -ge 200 ]; then fail 'nothing is acknowledged any more'; fi
        sleep 0.1
        waited=$((waited + 1))
    done
}

# longest_gap SINCE: seconds between two acknowledged writes that followed each other.
longest_gap() {
    awk -v since="$1" '$1 >= since { if (last && $1 - last > gap) gap = $1 - last } { last = $1 } END { printf "%.1f", gap }' \
        "$ACKNOWLEDGED"
}

# Asks the product for each write that was acknowledged.
prove_writes() {
    local acknowledged missing
    cut -d ' ' -f 2 "$ACKNOWLEDGED" | sort >"$WORK/wanted"
    kind_present <"$WORK/wanted" | sort >"$WORK/present"
    acknowledged=$(wc -l <"$WORK/wanted")
    missing=$(comm -23 "$WORK/wanted" "$WORK/present" | wc -l)
    say "$acknowledged writes acknowledged, $((acknowledged - missing)) of them present."
    [ "$missing" -eq 0 ] || fail "$missing acknowledged writes are gone"
}
