package copies

import (
	"runtime"
	"testing"
)

func small(design string) plan {
	return plan{Design: design, Format: formats()[0], Frames: 60, History: 30}
}

// measured runs one camera and checks that what it counted as copied is what happened: each copy goes to memory that is allocated for it.
func measured(t *testing.T, p plan) figures {
	t.Helper()
	f, err := measure(p)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(p.Format.size())
	if want := f.Copied + drivers*size; (p.Design == "copying" || p.Design == "sharing") && (f.Allocs < want || f.Allocs > want+want/20) { // sizes are rounded up to pages
		t.Errorf("%s: %d bytes were copied but %d allocated", p.Design, f.Copied, f.Allocs)
	}
	t.Logf("%s: %d bytes copied, %d pictures moved, %d bytes allocated, %d live", p.Design, f.Copied, f.Moved, f.Allocs, f.Live)
	return f
}

// The promise: at least 90 % less copied, at least 60 % less memory, with the same results.
func TestCopiesAndMemory(t *testing.T) {
	copying, recycling := measured(t, small("copying")), measured(t, small("recycling"))
	sharing, pooled := measured(t, small("sharing")), measured(t, small("pooled"))
	if copying.Results != pooled.Results || copying.Results != recycling.Results || copying.Results != sharing.Results {
		t.Errorf("the designs saw different pictures: copying %v, recycling %v, sharing %v, pooled %v", copying.Results, recycling.Results, sharing.Results, pooled.Results)
	}
	p := small("")
	each := int64(p.Frames * p.Format.size())
	if copying.Copied != (1+stages)*each || copying.Moved != int64(p.Frames)*stages {
		t.Errorf("copying: %d bytes copied, want %d; %d pictures moved", copying.Copied, (1+stages)*each, copying.Moved)
	}
	if recycling.Copied != copying.Copied || recycling.Allocs > copying.Allocs*3/4 {
		t.Errorf("recycling: %d bytes copied, want %d; %d bytes allocated, nearly as many as %d", recycling.Copied, copying.Copied, recycling.Allocs, copying.Allocs)
	}
	if sharing.Copied != each {
		t.Errorf("sharing: %d bytes copied, want %d", sharing.Copied, each)
	}
	if pooled.Moved != 0 {
		t.Errorf("pooled: %d pictures were not where the driver wrote them", pooled.Moved)
	}
	if pooled.Copied*10 > copying.Copied {
		t.Errorf("pooled: %d bytes copied, more than a tenth of %d", pooled.Copied, copying.Copied)
	}
	if race {
		return // blocks are on the Go heap
	}
	if pooled.Allocs*10 > copying.Copied {
		t.Errorf("pooled: %d bytes allocated, where copying copied %d: something is copied and not counted", pooled.Allocs, copying.Copied)
	}
	if float64(pooled.Live) > 0.4*float64(copying.Live) {
		t.Errorf("pooled: %d bytes live, more than 40 %% of %d", pooled.Live, copying.Live)
	}
}

// The same of the whole process, with Go's own memory, the program's and what the collector has not collected.
func TestPeakMemory(t *testing.T) {
	if race || runtime.GOARCH != "amd64" {
		t.Skip("the race detector, or an emulator, has more memory than the pictures")
	}
	p := small("copying")
	p.History, p.Frames = 60, 150 // enough that it holds even if the collector left nothing behind
	copying := apart(t, p)
	p.Design = "pooled"
	pooled := apart(t, p)
	t.Logf("copying %d bytes, pooled %d bytes", copying.Peak, pooled.Peak)
	if float64(pooled.Peak) > 0.4*float64(copying.Peak) {
		t.Errorf("pooled: %d bytes resident, more than 40 %% of %d", pooled.Peak, copying.Peak)
	}
}
