package natsbus_test

import "runtime"

// emulated says that this is not an architecture on which servers run at full speed here.
const emulated = runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64"
