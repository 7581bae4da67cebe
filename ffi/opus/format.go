package opus

import "fmt"

// MaxPacket is the most bytes that a packet of up to 120 ms takes: a buffer of this size is never too small.
const MaxPacket = 1275 * 6

// validFormat checks a sample rate and a channel count: Opus has five rates, mono and stereo.
func validFormat(rate, channels int) error {
	if err := validRate(rate); err != nil {
		return err
	}
	return monoOrStereo(channels)
}

func monoOrStereo(channels int) error {
	if channels != 1 && channels != 2 {
		return fmt.Errorf("opus: %d channels: it must be 1 or 2", channels)
	}
	return nil
}

func validRate(rate int) error {
	switch rate {
	case 8000, 12000, 16000, 24000, 48000:
		return nil
	}
	return fmt.Errorf("opus: sample rate of %d Hz: it must be 8000, 12000, 16000, 24000 or 48000", rate)
}

// validFrame reports whether a packet can hold samples at rate: 2.5, 5, 10, 20, 40, 60, 80, 100 or 120 ms.
func validFrame(samples, rate int) bool {
	if samples < 0 || samples > rate*120/1000 {
		return false // also keeps the product below from wrapping on 32 bit
	}
	switch samples * 400 {
	case rate, rate * 2, rate * 4, rate * 8, rate * 16, rate * 24, rate * 32, rate * 40, rate * 48:
		return true
	}
	return false
}

// wholeSamples is how many samples per channel n interleaved ones are; they must not end within a frame.
func wholeSamples(n, channels int) (int, error) {
	if n%channels != 0 {
		return 0, fmt.Errorf("opus: %d samples for %d channels: it must be a multiple of %[2]d", n, channels)
	}
	return n / channels, nil
}

func badFrame(samples, rate int) error {
	return fmt.Errorf("opus: a frame of %d samples is %.4g ms at %d Hz: it must be 2.5, 5, 10, 20, 40, 60, 80, 100 or 120 ms",
		samples, float64(samples)*1000/float64(rate), rate)
}
