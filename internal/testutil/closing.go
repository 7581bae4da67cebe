package testutil

import (
	"testing"
	"time"
)

// CloseWaits closes something from two goroutines while its first Close is held up: by then releasing is closed, and it goes on when
// released is. Neither may return before.
func CloseWaits(tb testing.TB, end func() error, releasing <-chan struct{}, released chan<- struct{}) {
	tb.Helper()
	ends := make(chan error, 2)
	go func() { ends <- end() }()
	<-releasing
	go func() { ends <- end() }()
	select {
	case err := <-ends:
		tb.Error("Close returned while a block was not released:", err)
		ends <- err
	case <-time.After(50 * time.Millisecond):
	}
	close(released)
	for range 2 {
		if err := <-ends; err != nil {
			tb.Error(err)
		}
	}
}
