package opus_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/poolgen/poolgen/ffi/opus"
	"github.com/poolgen/poolgen/runtime/pool"
)

// 20 ms of silence to a packet and back, in pooled buffers.
func Example() {
	enc, err := opus.NewEncoder(opus.EncoderConfig{SampleRate: 48000, Channels: 1, Application: opus.VoIP})
	if err != nil {
		log.Fatal(err)
	}
	dec, err := opus.NewDecoder(opus.DecoderConfig{SampleRate: 48000, Channels: 1})
	if err != nil {
		log.Fatal(err)
	}
	frames, err := pool.New(960*2, pool.Options{Max: 2})
	if err != nil {
		log.Fatal(err)
	}
	packets, err := pool.New(opus.MaxPacket, pool.Options{Max: 1})
	if err != nil {
		log.Fatal(err)
	}
	in, err1 := frames.Get()
	out, err2 := frames.Get()
	packet, err3 := packets.Get()
	if err := errors.Join(err1, err2, err3); err != nil {
		log.Fatal(err)
	}
	clear(in.Bytes())
	if err := enc.EncodeBuf(in, packet); err != nil {
		log.Fatal(err)
	}
	if err := dec.DecodeBuf(packet, out); err != nil {
		log.Fatal(err)
	}
	fmt.Println(packet.Len() < 100, out.Len()/2, "samples")
	for _, b := range []pool.Buf{in, out, packet} {
		b.Release()
	}
	if err := errors.Join(enc.Close(), dec.Close(), frames.Close(), packets.Close()); err != nil {
		log.Fatal(err)
	}
	// Output: true 960 samples
}

// Two packets did not come; the third has a coarse copy of the one before it, if the encoder was told to make some.
func ExampleDecoder_Recover() {
	enc, err := opus.NewEncoder(opus.EncoderConfig{SampleRate: 16000, Channels: 1, Application: opus.VoIP})
	if err != nil {
		log.Fatal(err)
	}
	dec, err := opus.NewDecoder(opus.DecoderConfig{SampleRate: 16000, Channels: 1})
	if err != nil {
		log.Fatal(err)
	}
	if err := errors.Join(enc.SetInbandFEC(opus.FECOn), enc.SetPacketLoss(20), enc.SetSignal(opus.SignalVoice)); err != nil {
		log.Fatal(err)
	}
	const frame = 320 // 20 ms
	sound, packet, pcm := make([]int16, frame), make([]byte, opus.MaxPacket), make([]int16, 2*frame)
	for i := range 10 {
		for j := range sound {
			sound[j] = int16((i*frame + j) % 100 * 200)
		}
		n, err := enc.Encode(sound, packet)
		if err != nil {
			log.Fatal(err)
		}
		switch i {
		case 7, 8: // lost
			continue
		case 9:
			r, err := dec.Recover(packet[:n], pcm)
			if err != nil {
				log.Fatal(err)
			}
			fmt.Printf("%d samples from the copy, %d made up\n", r.FEC, r.Concealed)
		}
		if _, err := dec.Decode(packet[:n], pcm); err != nil {
			log.Fatal(err)
		}
	}
	if err := errors.Join(enc.Close(), dec.Close()); err != nil {
		log.Fatal(err)
	}
	// Output: 320 samples from the copy, 320 made up
}

// What a packet is, without decoding it.
func ExampleParsePacket() {
	p, err := opus.ParsePacket([]byte{0x83, 0x02, 1, 2, 3, 4})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.TOC.Mode(), p.TOC.Bandwidth() == opus.Narrowband, p.Frames(), p.Samples(48000), p.Frame(1), p.HasLBRR())
	// Output: CELT true 2 240 [3 4] false
}
