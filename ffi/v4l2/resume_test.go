package v4l2_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/poolgen/poolgen/ffi/v4l2"
	"github.com/poolgen/poolgen/internal/testutil"
)

// TestCodecResumes drains an encoder twice, and goes on by Stop and Start of the stream, once with its Start command before.
func TestCodecResumes(t *testing.T) {
	testutil.OpenFDs(t)
	d := findDriver(t, "vicodec", "stateful-encoder")
	setFormat(t, d, v4l2.Output, v4l2.FmtYUV420)
	setFormat(t, d, v4l2.Capture, v4l2.FmtFWHT)
	in, out := both(t, d)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, resume := range []struct {
		name string
		by   func() error
	}{
		{"Stop and Start", func() error { return errors.Join(out.Stop(), out.Start()) }},
		// vicodec of Linux 6.1 forgets that it has stopped before it looks whether it has: its queue stays at the end after the command alone.
		{"the command, Stop and Start", func() error { return errors.Join(d.Encoder(v4l2.EncoderStart), out.Stop(), out.Start()) }},
		{"nothing", nil},
	} {
		for i := range 3 {
			f, err := in.Buffer(ctx)
			if err != nil {
				t.Fatal(err)
			}
			f.Plane(0).SetLen(copy(f.Bytes()[:f.Plane(0).Cap()], greys(i)))
			if err := in.Write(ctx, f); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Encoder(v4l2.EncoderStop); err != nil {
			t.Fatal(err)
		}
		n := 0
		for {
			f, err := out.Read(ctx)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(f.Bytes()) > 0 {
				n++
			}
			f.Release()
		}
		if n != 3 {
			t.Errorf("%d frames before %s", n, resume.name)
		}
		if resume.by == nil {
			break
		}
		if _, err := out.Read(ctx); err != io.EOF {
			t.Errorf("Read behind the end: %v", err)
		}
		if err := resume.by(); err != nil {
			t.Fatalf("%s: %v", resume.name, err)
		}
	}
	if st := in.Stats(); st.Frames != 9 {
		t.Errorf("Stats = %+v", st)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
