#!/usr/bin/env bash
# Formatting, vet, staticcheck and the project's own rules. All checks run;
# the exit status tells of any that complained.
set -uo pipefail
cd "$(dirname "$0")/.."
staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2

status=0
check() {
	echo "== $*"
	"$@" || status=1
}

formatted() {
	local bad
	# Go in testdata may be wrong on purpose.
	bad=$(find . -name '*.go' -not -path '*/testdata/*' -not -path './build/*' -exec gofmt -l {} +) || return
	[ -z "$bad" ] || { echo "not gofmt-clean:"; echo "$bad"; return 1; }
}

check formatted
check go vet ./...
check env CGO_ENABLED=1 go run "$staticcheck" ./...
check env CGO_ENABLED=0 go run "$staticcheck" ./...
check go run "$staticcheck" -tags poolgen_debug ./runtime/...
check go test ./internal/lint
exit $status
