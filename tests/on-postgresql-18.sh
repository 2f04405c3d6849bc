#!/bin/sh
# Runs a command with PostgreSQL 18 behind the tests: tests/on-postgresql-18.sh cargo test …
#
# The servers of the tests run as an unprivileged user when the tests run as root. In a checkout that
# such a user cannot enter, as in /root, the programs are copied to where it can, until the command ends.
set -eu

installed=$(cd "$(dirname "$0")/.." && pwd)/.cache/postgresql-18/bin
enters() { [ "$(id -u)" -ne 0 ] || runuser -u nobody -- test -x "$1/postgres"; }

if enters "$installed"; then
    ROWGATE_POSTGRES_BIN=$installed exec "$@"
fi
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
trap 'exit 130' INT TERM
chmod 755 "$copy"
cp -RL "$installed/../." "$copy/"
ROWGATE_POSTGRES_BIN=$copy/bin "$@"
