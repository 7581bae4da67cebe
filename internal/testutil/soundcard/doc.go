// Package soundcard is a sound card for tests that misbehaves on command: a module for alsa-lib, with a PCM paced by a timer (module/pcm.c) and a
// mixer (module/ctl.c). It needs no kernel driver, runs at any speed, and injects overruns, underruns, suspends and removal.
//
// The comments at the top of the C files say which fields its PCMs and mixers have in alsa-lib's configuration. A C compiler builds it
// when a test asks for it.
//
// Only tests import it.
package soundcard
