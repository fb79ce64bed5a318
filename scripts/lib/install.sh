# shellcheck shell=bash
# A throw-away install of the sample product: its own directory, project, ports and registry.
# To be sourced after setup.sh and images.sh.

# free_port: a TCP port of this machine that nothing listens on, below those that the kernel hands out itself.
free_port() {
    local port
    for _ in {1..100}; do
        port=$((20000 + RANDOM % 10000))
        if ! images_registry_answers "$port"; then
            printf '%s\n' "$port"
            return
        fi
    done
    setup_fail "no free port was found between 20000 and 29999"
}

# built_binary PROFILE NAME: where cargo put a program; the target is named, so its folder is the target's.
built_binary() {
    local target_dir host
    target_dir=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
    host=$(rustc -vV | sed -n 's/^host: //p')
    printf '%s/%s/%s/%s\n' "$target_dir" "$host" "$1" "$2"
}

# create_install DIRECTORY PROJECT IMAGE: an install of release 1.0.0 of IMAGE, with Compose files and settings, not started.
create_install() {
    local compose=$1/compose signing_key
    mkdir -p "$compose"
    cp "$SETUP_ROOT"/compose/docker-compose*.yml "$compose/"
    signing_key=$(docker run --rm --network none "$3:1.0.0" generate-signing-key 2>/dev/null) || return 1
    (
        umask 077
        cat >"$compose/.env" <<ENV
COMPOSE_PROJECT_NAME=$2
COMPOSE_FILE=docker-compose.yml:docker-compose.postgres.yml:docker-compose.prod.yml
LEDGER_IMAGE=$3
LEDGER_VERSION=1.0.0
POSTGRES_IMAGE=opsctl-sample/postgres:18
POSTGRES_PASSWORD=$(random_hex 16)
API_KEY_SECRET=$(random_hex 32)
VAULT_SIGNING_KEY=$signing_key
LEDGER_HOST_PORT=$(free_port)
LEDGER_WORKER_HOST_PORT=$(free_port)
POSTGRES_HOST_PORT=$(free_port)
LEDGER_HEALTH_INTERVAL=1s
ENV
    )
}

# random_hex BYTES
random_hex() {
    head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'
}

# install_setting DIRECTORY NAME: what the install's settings assign.
install_setting() {
    sed -n "s/^$2=//p" "$1/compose/.env"
}

# create_key DIRECTORY ROLE: a new API key of the running product.
create_key() {
    (cd "$1/compose" && docker compose exec -T ledger-api /ledger create-api-key --role "$2" --name throw-away 2>/dev/null)
}

# remove_install DIRECTORY PROJECT: all that the install made on this machine, also what a killed opsctl left behind.
remove_install() {
    local of_project=label=com.docker.compose.project=$2
    install_tools "$of_project" | xargs -r docker rm --force >/dev/null
    docker ps --all --quiet --filter "$of_project" | xargs -r docker rm --force --volumes >/dev/null
    docker volume ls --quiet --filter "$of_project" | xargs -r docker volume rm >/dev/null
    docker network ls --quiet --filter "$of_project" | xargs -r docker network rm >/dev/null
    rm -rf "$1"
}

# install_tools FILTER: opsctl's own containers that share the network of a container of the project.
install_tools() {
    local ids
    ids=$(docker ps --all --quiet --no-trunc --filter "$1")
    docker ps --all --quiet --filter label=opsctl.operation |
        xargs -r docker inspect --format '{{.Id}} {{.HostConfig.NetworkMode}}' |
        while read -r id network; do
            if [[ "$network" == container:* && "$ids" == *"${network#container:}"* ]]; then printf '%s\n' "$id"; fi
        done
}
