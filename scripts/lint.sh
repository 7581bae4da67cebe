#!/usr/bin/env bash
# Formatting, vet, golangci-lint, staticcheck and the project's own rules. All
# checks run; the exit status tells of any that complained.
set -uo pipefail
cd "$(dirname "$0")/.."

# Pinned, and built here, so that a new release cannot break an old commit.
export GOBIN=$PWD/build/bin
go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 || exit
go install honnef.co/go/tools/cmd/staticcheck@v0.8.2 || exit

status=0
check() {
	echo "== ${*/#$GOBIN\//}"
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
check "$GOBIN/golangci-lint" run ./...
# The builds that golangci-lint's one run does not see.
check env CGO_ENABLED=0 "$GOBIN/staticcheck" ./...
check env CGO_ENABLED=0 GOARCH=arm "$GOBIN/staticcheck" ./...
check "$GOBIN/staticcheck" -tags poolgen_debug ./runtime/...
check go test ./internal/lint
exit $status
