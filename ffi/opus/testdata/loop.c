// loop.c: encodes and decodes the samples in a file, as often as told, and prints the nanoseconds of processor time that each took per packet
// in the fastest round: what the package's benchmarks stand beside.
#include <opus.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { FRAME = 960, PACKETS = 4096, MAX = 7650 };

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
	static opus_int16 pcm[PACKETS * FRAME], out[FRAME];
	static unsigned char packets[PACKETS][MAX];
	static int sizes[PACKETS];
	if (argc != 3)
		return 2;
	FILE *f = fopen(argv[1], "rb");
	if (f == NULL)
		return 1;
	int count = (int)(fread(pcm, sizeof *pcm, sizeof pcm / sizeof *pcm, f) / FRAME), err;
	OpusEncoder *enc = opus_encoder_create(48000, 1, OPUS_APPLICATION_VOIP, &err);
	OpusDecoder *dec = opus_decoder_create(48000, 1, &err);
	if (count == 0 || enc == NULL || dec == NULL)
		return 1;
	opus_encoder_ctl(enc, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
	opus_encoder_ctl(enc, OPUS_SET_BITRATE(24000));
	double encode = 1e18, decode = 1e18;
	int rounds = atoi(argv[2]);
	for (int r = 0; r < rounds; r++) {
		double a = now();
		for (int i = 0; i < count; i++)
			if ((sizes[i] = opus_encode(enc, pcm + i * FRAME, FRAME, packets[i], MAX)) < 0)
				return 1;
		double b = now();
		for (int i = 0; i < count; i++)
			if (opus_decode(dec, packets[i], sizes[i], out, FRAME, 0) != FRAME)
				return 1;
		double c = now();
		encode = b - a < encode ? b - a : encode;
		decode = c - b < decode ? c - b : decode;
	}
	printf("%.1f %.1f\n", encode / count, decode / count);
	return 0;
}
