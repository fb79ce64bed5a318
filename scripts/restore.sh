#!/usr/bin/env bash
# restore.sh [--non-interactive] FILE: puts a backup's data in the place of the live data.
# Kept for existing runbooks; it only calls opsctl. Where there is no terminal, consent is --non-interactive.
set -euo pipefail
# shellcheck source=scripts/lib/opsctl.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/opsctl.sh"
run_opsctl restore "$@"
