package natsbus_test

import (
	"context"
	"fmt"

	"github.com/poolgen/poolgen/runtime/bus"
	"github.com/poolgen/poolgen/runtime/bus/natsbus"
	"github.com/poolgen/poolgen/runtime/pool"
)

func Example() {
	if err := tell(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output: gate.frame: a picture
}

// tell publishes on a topic of this process what others would receive, here this process again.
func tell(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c, err := natsbus.Open(ctx, natsbus.Options{}) // a server in this process
	if err != nil {
		return err
	}
	defer c.Close()
	frames, err := pool.New(1000, pool.Options{})
	if err != nil {
		return err
	}
	sub, err := c.Subscribe(ctx, "*.frame", natsbus.SubOptions{Pool: frames})
	if err != nil {
		return err
	}
	topic := bus.New[pool.Buf]("gate.frame", bus.Options{})
	leaving, err := topic.Subscribe(bus.SubOptions{})
	if err != nil {
		return err
	}
	go func() { _ = natsbus.Export(ctx, c, leaving, natsbus.Buffers()) }()

	frame, err := frames.Get()
	if err != nil {
		return err
	}
	defer frame.Release()
	frame.SetLen(copy(frame.Bytes(), "a picture"))
	if err := topic.Publish(frame); err != nil {
		return err
	}

	m, err := sub.Next(ctx)
	if err != nil {
		return err
	}
	defer m.Release()
	fmt.Printf("%s: %s\n", m.Topic, m.Buf.Bytes())
	return m.Ack(ctx)
}
