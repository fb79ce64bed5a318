#!/usr/bin/env bash
# support-bundle.sh: packs what support needs to find a cause, without what is secret, into the install's directory.
# Kept for existing runbooks; it only calls opsctl. Nothing is sent.
set -euo pipefail
# shellcheck source=scripts/lib/opsctl.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/opsctl.sh"
run_opsctl support-bundle "$@"
