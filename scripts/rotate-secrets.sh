#!/usr/bin/env bash
# rotate-secrets.sh [api-key-secret|vault-signing-key]: gives a secret another value; asks which one, if none is named.
# Kept for existing runbooks; it only calls opsctl. Where there is no terminal, consent is --non-interactive.
set -euo pipefail
# shellcheck source=scripts/lib/opsctl.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib/opsctl.sh"
run_opsctl rotate "$@"
