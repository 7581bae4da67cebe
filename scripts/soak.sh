#!/usr/bin/env bash
# Kills processes of runtime/ipc and runtime/ring at random: soak.sh [rounds [seed]]
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build
CGO_ENABLED=0 go test -c -o build/soak ./internal/soak
exec build/soak -test.run '^TestSoak$' -test.v -test.timeout 0 -- -rounds "${1:-10000}" ${2:+-seed "$2"}
