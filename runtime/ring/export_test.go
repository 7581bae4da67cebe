package ring

import "github.com/poolgen/poolgen/internal/sys"

// Arm does what a reader does before it sleeps, and returns what is in the word then.
func (w *FrameWriter) Arm(seq uint32) uint32 {
	w.m.door.arm(seq)
	return w.m.door.armed.Load()
}

// Abandon is the end of a writer that is killed: its lock is free, and nothing else happens.
func (w *FrameWriter) Abandon() error {
	w.m.guard.mu.Lock()
	defer w.m.guard.mu.Unlock()
	lock := w.m.guard.lock
	w.m.guard.lock = -1
	return sys.Close(lock)
}
