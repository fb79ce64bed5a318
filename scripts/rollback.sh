#!/usr/bin/env bash
# rollback.sh [--non-interactive] [--version V] [--backup FILE]: goes back to the release and data from before the last upgrade.
# Kept for existing runbooks; it only calls opsctl. Where there is no terminal, consent is --non-interactive.
set -euo pipefail
# shellcheck source=scripts/lib/opsctl.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/opsctl.sh"
run_opsctl rollback "$@"
