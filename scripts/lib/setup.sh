# shellcheck shell=bash
# Puts on this machine what the demo, the tests and the benchmark stand on. To be sourced.
#
# Every `ensure_*` function looks first and installs only what is missing, so calling it again
# costs next to nothing. They work as root on Debian 12 and 13 and on Ubuntu 22.04 and 24.04.

SETUP_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# Where Docker's command looks for plugins that did not come as a package.
SETUP_PLUGIN_DIR=/usr/local/lib/docker/cli-plugins
# The first Debian release whose packages hold version 2 of Compose.
SETUP_COMPOSE_SUITE=trixie
SETUP_DOCKERD_LOG=/var/log/opsctl-dockerd.log
SETUP_DOCKERD_WAIT_SECONDS=60

# Says in one line what is about to happen.
setup_say() {
    printf 'setup: %s\n' "$*" >&2
}

# Says what is wrong and what to do about it; the caller returns.
setup_fail() {
    printf 'setup: error: %s\n' "$1" >&2
    if [ $# -gt 1 ]; then printf 'setup: hint: %s\n' "$2" >&2; fi
    return 1
}

setup_has() {
    command -v "$1" >/dev/null 2>&1
}

setup_need_root() {
    if [ "$(id -u)" -eq 0 ]; then return 0; fi
    setup_fail "installing $1 needs root" "run this again as root, or install $1 yourself first"
}

# ---------------------------------------------------------------- packages

# setup_apt ARGUMENT...: apt-get that never asks and waits its turn.
setup_apt() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@"
}

# Package lists are fetched at most once per process; one unreachable third-party source does not
# stop the others from being used.
setup_apt_update() {
    if [ -n "${SETUP_APT_UPDATED:-}" ]; then return 0; fi
    setup_say "fetching package lists"
    setup_apt update >/dev/null 2>&1 || setup_say "some package sources did not answer; going on with the rest"
    SETUP_APT_UPDATED=1
}

setup_package_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# setup_package_offered NAME: the version that apt would install, or failure if there is none.
setup_package_offered() {
    local candidate
    candidate=$(apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: //p')
    if [ -z "$candidate" ] || [ "$candidate" = '(none)' ]; then return 1; fi
    printf '%s\n' "$candidate"
}

# ensure_packages NAME...: installs the Debian packages that are missing.
ensure_packages() {
    local name missing=()
    for name in "$@"; do
        setup_package_installed "$name" || missing+=("$name")
    done
    if [ ${#missing[@]} -eq 0 ]; then return 0; fi
    setup_need_root "${missing[*]}" || return 1
    if ! setup_has apt-get; then
        setup_fail "this machine has no apt-get" "install by hand: ${missing[*]}"
        return 1
    fi
    for name in "${missing[@]}"; do
        setup_package_offered "$name" >/dev/null || setup_apt_update
    done
    setup_say "installing ${missing[*]}"
    if setup_apt install -y --no-install-recommends "${missing[@]}" >/dev/null 2>&1; then return 0; fi
    # Old lists name versions that the mirror has already replaced.
    setup_apt_update
    setup_apt install -y --no-install-recommends "${missing[@]}" >/dev/null ||
        setup_fail "could not install ${missing[*]}" "try: apt-get install ${missing[*]}"
}

# setup_without_services COMMAND...: runs it while packages may not start the services they bring.
setup_without_services() {
    local policy=/usr/sbin/policy-rc.d status=0
    if [ -e "$policy" ]; then
        "$@"
        return
    fi
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    "$@" || status=$?
    rm -f "$policy"
    return "$status"
}

# setup_in_suite SUITE COMMAND...: runs it with an apt that knows only that Debian release and an
# empty machine; the machine's own apt never hears of either.
setup_in_suite() {
    local suite=$1 mirror uri keyring private status=0
    shift
    mirror=$(setup_debian_mirror) || return 1
    read -r uri keyring <<<"$mirror"
    private=$(mktemp -d)
    mkdir -p "$private"/{state/lists,cache/archives}/partial
    printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$uri" "$suite" >"$private/sources.list"
    cat >"$private/apt.conf" <<CONF
Dir::State "$private/state";
Dir::State::status "/dev/null";
Dir::Cache "$private/cache";
Dir::Etc::sourcelist "$private/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Languages "none";
APT::Sandbox::User "root";
CONF
    (
        export APT_CONFIG="$private/apt.conf"
        setup_apt update >/dev/null && "$@"
    ) || status=$?
    rm -rf "$private"
    if [ "$status" -ne 0 ]; then
        setup_fail "could not get packages of Debian $suite" "check that $uri answers"
    fi
}

# setup_on_empty_machine COMMAND...: runs it while apt knows the machine's own release, and of nothing that is installed.
setup_on_empty_machine() {
    local settings status=0
    settings=$(mktemp)
    printf 'Dir::State::status "/dev/null";\n' >"$settings"
    APT_CONFIG=$settings "$@" || status=$?
    rm -f "$settings"
    return "$status"
}

# setup_download DIRECTORY PACKAGE...: fetches packages into DIRECTORY without installing them.
setup_download() {
    local directory=$1
    shift
    mkdir -p "$directory"
    (cd "$directory" && setup_apt -o APT::Sandbox::User=root download "$@" >/dev/null)
}

# setup_download_current DIRECTORY PACKAGE...: the same from the machine's own release; lists that are
# missing or old are fetched first.
setup_download_current() {
    setup_download "$@" 2>/dev/null || { setup_apt_update && setup_download "$@"; }
}

# Prints the address and the keyring of the Debian mirror that this machine uses.
setup_debian_mirror() {
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg uri
    uri=$(setup_debian_uri)
    # Who made a source is known only once its lists have been fetched.
    if [ -z "$uri" ] && [ -r "$keyring" ]; then
        setup_apt_update
        uri=$(setup_debian_uri)
    fi
    if [ -z "$uri" ] || [ ! -r "$keyring" ]; then
        setup_fail "no Debian mirror is set up on this machine"
        return 1
    fi
    printf '%s %s\n' "$uri" "$keyring"
}

setup_debian_uri() {
    # shellcheck disable=SC2016 # apt replaces these names, not the shell
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
        'Origin: Debian' 'Label: Debian' 'Component: main' 2>/dev/null | sed -n 1p
}

# ---------------------------------------------------------------- Rust

# ensure_rust: cargo at least as new as the workspace asks for, and a C compiler for the crates
# that build C. May put ~/.cargo/bin on PATH and set RUSTUP_TOOLCHAIN for the calling shell.
ensure_rust() {
    local wanted
    wanted=$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' "$SETUP_ROOT/Cargo.toml" | sed -n 1p)
    setup_has cc || ensure_packages gcc libc6-dev
    if [ -d "$HOME/.cargo/bin" ] && [[ ":$PATH:" != *":$HOME/.cargo/bin:"* ]]; then
        export PATH="$HOME/.cargo/bin:$PATH"
    fi
    if setup_cargo_is "$wanted"; then return 0; fi
    setup_has rustup || setup_install_rustup || return 1
    setup_say "installing the stable Rust toolchain"
    rustup toolchain install stable --profile minimal --component clippy --component rustfmt >/dev/null || true
    export RUSTUP_TOOLCHAIN=stable
    setup_cargo_is "$wanted" ||
        setup_fail "cargo is older than $wanted" "install Rust $wanted or newer and put it first on PATH"
}

# setup_cargo_is VERSION: cargo is there and at least that new.
setup_cargo_is() {
    local found
    found=$(cargo --version 2>/dev/null | sed -n 's/^cargo \([0-9.]*\).*/\1/p')
    [ -n "$found" ] && printf '%s\n%s\n' "$1" "$found" | sort -C -V
}

setup_install_rustup() {
    setup_package_offered rustup >/dev/null || setup_apt_update
    if setup_package_offered rustup >/dev/null; then
        ensure_packages rustup
        return
    fi
    setup_has curl || ensure_packages ca-certificates curl
    setup_say "installing rustup with its official installer"
    local installer
    installer=$(mktemp)
    if ! curl --proto '=https' --tlsv1.2 -fsSL --max-time 60 https://sh.rustup.rs -o "$installer"; then
        rm -f "$installer"
        setup_fail "neither a rustup package nor its installer can be had" \
            "install Rust by hand from a machine with internet access"
        return 1
    fi
    sh "$installer" -y -q --no-modify-path --profile minimal >/dev/null
    rm -f "$installer"
    export PATH="$HOME/.cargo/bin:$PATH"
}

# ---------------------------------------------------------------- Docker and Compose

setup_docker_answers() {
    timeout 20 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

# ensure_docker: Docker's command and a daemon that answers it.
ensure_docker() {
    if ! setup_has docker || { ! setup_has dockerd && [ -z "${DOCKER_HOST:-}" ] && ! setup_docker_answers; }; then
        ensure_packages ca-certificates iptables docker.io || return 1
        # Newer releases ship the command as a package of its own.
        setup_has docker || ensure_packages docker-cli || return 1
    fi
    if setup_docker_answers; then return 0; fi
    if [ -n "${DOCKER_HOST:-}" ]; then
        setup_fail "no Docker daemon answers at DOCKER_HOST" "start it, or unset DOCKER_HOST to use a local one"
        return 1
    fi
    setup_need_root "a running Docker daemon" || return 1
    setup_start_docker
}

setup_start_docker() {
    local log=$SETUP_DOCKERD_LOG waited=0
    if [ -d /run/systemd/system ]; then
        setup_say "starting the Docker daemon with systemctl"
        systemctl start docker || true
        log='journalctl -u docker'
    else
        setup_say "starting dockerd in the background, log in $log"
        setsid nohup dockerd >>"$log" 2>&1 </dev/null &
    fi
    until setup_docker_answers; do
        if [ "$waited" -ge "$SETUP_DOCKERD_WAIT_SECONDS" ]; then
            if [ -r "$log" ]; then tail -n 5 "$log" >&2; fi
            setup_fail "the Docker daemon did not answer within $SETUP_DOCKERD_WAIT_SECONDS s" "read its log: $log"
            return 1
        fi
        sleep 1
        waited=$((waited + 1))
    done
}

# ensure_compose: version 2 of Compose, as `docker compose`.
ensure_compose() {
    local package
    if docker compose version >/dev/null 2>&1; then return 0; fi
    setup_need_root "Docker Compose" || return 1
    package=$(setup_compose_package) || { setup_apt_update && package=$(setup_compose_package); } || package=
    if [ -n "$package" ]; then
        ensure_packages "$package"
    else
        setup_install_compose_plugin
    fi
    docker compose version >/dev/null 2>&1 ||
        setup_fail "docker compose does not work" "install version 2 of Docker Compose by hand"
}

# Prints the package of the machine's own sources that holds version 2 of Compose.
setup_compose_package() {
    local package offered
    for package in docker-compose-v2 docker-compose-plugin docker-compose; do
        offered=$(setup_package_offered "$package") || continue
        if dpkg --compare-versions "$offered" ge 2; then
            printf '%s\n' "$package"
            return 0
        fi
    done
    return 1
}

setup_install_compose_plugin() {
    local scratch
    scratch=$(mktemp -d)
    setup_say "installing Compose of Debian $SETUP_COMPOSE_SUITE into $SETUP_PLUGIN_DIR"
    if setup_in_suite "$SETUP_COMPOSE_SUITE" setup_download "$scratch" docker-compose; then
        dpkg -x "$scratch"/docker-compose_*.deb "$scratch/tree"
        install -D -m 755 "$scratch/tree/usr/libexec/docker/cli-plugins/docker-compose" \
            "$SETUP_PLUGIN_DIR/docker-compose"
    fi
    rm -rf "$scratch"
}

# ---------------------------------------------------------------- PostgreSQL and the registry

# ensure_postgres_tools: psql, pg_dump and pg_restore.
ensure_postgres_tools() {
    if setup_has psql && setup_has pg_dump && setup_has pg_restore; then return 0; fi
    ensure_packages postgresql-client
}

# setup_postgres_bin: the folder with initdb and postgres of the newest installed server.
setup_postgres_bin() {
    local found
    found=$(find /usr/lib/postgresql -mindepth 3 -maxdepth 3 -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1)
    [ -n "$found" ] && dirname "$found"
}

# ensure_postgres_server: the server's programs, without a cluster of the machine's own.
ensure_postgres_server() {
    local settings=/etc/postgresql-common/createcluster.conf kept status=0
    if setup_postgres_bin >/dev/null; then return 0; fi
    ensure_packages postgresql-common || return 1
    kept=$(mktemp)
    cp -p "$settings" "$kept"
    printf '\ncreate_main_cluster = false\n' >>"$settings"
    setup_without_services ensure_packages postgresql || status=$?
    cp -p "$kept" "$settings"
    rm -f "$kept"
    return "$status"
}

# ensure_registry: an image registry's program and htpasswd, without its service.
ensure_registry() {
    setup_has htpasswd || ensure_packages apache2-utils || return 1
    if setup_has docker-registry; then return 0; fi
    setup_without_services ensure_packages docker-registry || return 1
    # Otherwise it would come up on its well-known port with the next boot.
    if [ -d /run/systemd/system ]; then systemctl disable -q docker-registry; fi
}

# ensure_pgbouncer: a connection pooler's program, without its service.
ensure_pgbouncer() {
    if setup_has pgbouncer; then return 0; fi
    setup_without_services ensure_packages pgbouncer || return 1
    if [ -d /run/systemd/system ]; then systemctl disable -q pgbouncer; fi
}
