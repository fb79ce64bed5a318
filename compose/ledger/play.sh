#!/bin/sh
# A release of the sample product as a folder: this, under any name, beside the program and what tells which release it plays.
here=$(dirname "$0")
LEDGER_RELEASE_FILE=$here/release.json exec "$here/ledger" "$@"
