#!/usr/bin/env bash
# preflight.sh: looks whether everything is in order; the product's own preflight is among the checks.
# Kept for existing runbooks; it only calls opsctl.
set -euo pipefail
# shellcheck source=scripts/lib/opsctl.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/opsctl.sh"
run_opsctl preflight "$@"
