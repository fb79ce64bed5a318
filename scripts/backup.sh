#!/usr/bin/env bash
# backup.sh [--keep N]: takes a backup (BACKUP_DIR and KEEP work as before).
# Kept for existing runbooks; it only calls opsctl. Where there is no terminal, consent is --non-interactive.
set -euo pipefail
# shellcheck source=scripts/lib/opsctl.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/opsctl.sh"
run_opsctl backup "$@"
