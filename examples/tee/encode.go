package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"os"
	"time"

	"github.com/poolgen/poolgen/runtime/ipc"
)

// encode makes a JPEG of each picture until ctx ends. It outlives the process that captures.
func encode(ctx context.Context, c config, out io.Writer) error {
	e := encoder{config: c, out: out}
	for waiting := false; ctx.Err() == nil; {
		// It is the newest picture that counts: what came while the last one was encoded is dropped.
		sub, err := ipc.Subscribe(ctx, c.socket, ipc.SubscriberOptions{Policy: ipc.Latest})
		switch {
		case errors.Is(err, ipc.ErrRefused):
			return err
		case err != nil:
			if !waiting {
				fmt.Fprintf(out, "waiting for pictures at %s\n", c.socket)
				waiting = true
			}
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		waiting = false
		err = e.receive(ctx, sub)
		_ = sub.Close()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, ipc.ErrGone):
			fmt.Fprintf(out, "the pictures end: %v\n", err)
		case ctx.Err() == nil:
			return err
		}
	}
	return nil
}

type encoder struct {
	config
	out  io.Writer
	jpeg bytes.Buffer
	lost uint64
	said time.Time
}

func (e *encoder) receive(ctx context.Context, sub *ipc.Subscriber) error {
	for {
		f, err := sub.Receive(ctx)
		if err != nil {
			return err
		}
		err = e.picture(f)
		f.Buf.Release()
		if err != nil {
			return err
		}
	}
}

// picture encodes one where it lies, in the memory of the process that captures.
func (e *encoder) picture(f ipc.Frame) error {
	width, height := int(f.User>>16), int(f.User&0xffff)
	luma := f.Buf.Bytes()
	if len(luma) != width*height { // that process could be any
		return fmt.Errorf("picture %d of %dx%d has %d bytes", f.Sequence, width, height, len(luma))
	}
	e.lost += f.Lost
	e.jpeg.Reset()
	if err := jpeg.Encode(&e.jpeg, &image.Gray{Pix: luma, Stride: width, Rect: image.Rect(0, 0, width, height)}, nil); err != nil {
		return err
	}
	if e.output != "" {
		if err := os.WriteFile(e.output+".new", e.jpeg.Bytes(), 0o644); err != nil {
			return err
		}
		if err := os.Rename(e.output+".new", e.output); err != nil { // nobody sees half a picture
			return err
		}
	}
	now := time.Now()
	if e.all || now.Sub(e.said) >= e.every {
		e.said = now
		fmt.Fprintf(e.out, "picture %d of %d: %dx%d, brightness %.2f, %d bytes of JPEG %.2f ms after it was taken, %d lost\n",
			f.Sequence, f.PTS, width, height, brightness(luma), e.jpeg.Len(), float64(now.UnixNano()-f.PTS)/1e6, e.lost)
	}
	return nil
}

// brightness is the mean, from 0 to 255.
func brightness(luma []byte) float64 {
	sum := uint64(0)
	for _, v := range luma {
		sum += uint64(v)
	}
	return float64(sum) / float64(max(len(luma), 1))
}
