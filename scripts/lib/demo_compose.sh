# shellcheck shell=bash
# The demo's install with Docker Compose and PostgreSQL: the sample product as an API with a worker. To be sourced by demo.sh.

DEMO_RELEASES=(1.0.0 1.1.0 2.0.0-migration-fails)

kind_prepare() {
    local program
    INSTALL=$WORK/ledger PROJECT=opsctl-demo-$$
    printf '%s\n' "$PROJECT" >"$WORK/project"
    ensure_packages curl
    ensure_docker
    ensure_compose
    ensure_registry
    program=$(build_programs)
    build_postgres 18
    publish_releases "$program"
}

# A registry of its own, so that releases are pulled by digest as from any other. What was built is not kept beside it.
publish_releases() {
    local port image release
    port=$(free_port)
    image=127.0.0.1:$port/ledger
    printf '%s\n' "$image" >"$WORK/image"
    start_registry "$WORK/registry" "$port" >/dev/null
    build_ledger_images "$1" "$image" "${DEMO_RELEASES[@]}" >/dev/null
    for release in "${DEMO_RELEASES[@]}"; do
        push_image "$image:$release" "$image:$release" >/dev/null
    done
    create_install "$INSTALL" "$PROJECT" "$image"
    remove_images "$image"
}

kind_install() {
    say 'The install is a directory with Compose files and a .env; opsctl recognises the product by its services.'
    run cd "$INSTALL/compose" || exit
}

kind_serve() {
    run docker compose --progress quiet up --detach --wait
    run cd "$INSTALL" || exit
    OPSCTL_PLATFORM_KEY=$(create_key "$INSTALL" platform)
    export OPSCTL_PLATFORM_KEY
    API=http://127.0.0.1:$(install_setting "$INSTALL" LEDGER_HOST_PORT)
}

kind_write() {
    # shellcheck disable=SC2034 # the client reads it
    ANSWER=$(curl --silent --output /dev/null --write-out '%{http_code}' --max-time 5 \
        --header "Authorization: Bearer $OPSCTL_PLATFORM_KEY" --header 'Content-Type: application/json' \
        --data "{\"kind\":\"demo\",\"payload\":{\"number\":$1},\"clientId\":\"demo-$1\"}" "$API/v1/records") || true
}

kind_present() {
    query 'SELECT client_id FROM records'
}

kind_count() {
    query 'SELECT count(*) FROM records'
}

query() {
    (cd "$INSTALL/compose" && docker compose exec -T postgres psql -U ledger -d ledger -Atc "$1" </dev/null)
}

kind_is_there() {
    [ -d "$INSTALL" ]
}

# kind_remove DIRECTORY
kind_remove() {
    if [ -f "$1/project" ] && setup_has docker; then remove_install "$1/ledger" "$(<"$1/project")"; fi
    if [ -f "$1/registry/pid" ]; then stop_registry "$(<"$1/registry/pid")"; fi
    if [ -f "$1/image" ]; then remove_images "$(<"$1/image")"; fi
}

# remove_images IMAGE: the releases' images of a run, under all their names.
remove_images() {
    docker image ls --format '{{.Repository}}:{{.Tag}}' "$1" | { grep -v '<none>' || true; } |
        xargs -r docker image rm --force >/dev/null
}

kind_how_to_try() {
    cat <<HOW
  export PATH=$WORK/bin:\$PATH OPSCTL_PLATFORM_KEY=${OPSCTL_PLATFORM_KEY:-}
  cd $INSTALL && opsctl status
HOW
}

kind_what_stays() {
    printf 'The image of PostgreSQL, too: docker image rm opsctl-sample/postgres:18\n'
}
