// What one core reads: read BYTES PIECES PASSES goes through so many pieces of memory of so many bytes, and prints the rate in bytes a second, with the
// best of all passes for each piece.
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + 1e-9 * t.tv_nsec;
}

// The compiler makes vectors of it.
__attribute__((noinline)) static uint64_t pass(const uint64_t *p, size_t n)
{
	uint64_t all = 0;

	for (size_t i = 0; i < n; i++)
		all |= p[i];
	return all;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	size_t n = strtoull(argv[1], NULL, 10), pieces = strtoull(argv[2], NULL, 10);
	int passes = atoi(argv[3]);
	volatile uint64_t all = 0;
	double sum = 0, *best = calloc(pieces, sizeof *best);
	char *p = mmap(NULL, n * pieces, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (!best || p == MAP_FAILED) {
		perror("read");
		return 1;
	}
	memset(p, 1, n * pieces);
	for (int i = 0; i < passes; i++) {
		for (size_t k = 0; k < pieces; k++) {
			double began = now();

			all |= pass((const uint64_t *)(p + k * n), n / 8);
			double took = now() - began;
			if (i == 0 || took < best[k])
				best[k] = took;
		}
	}
	for (size_t k = 0; k < pieces; k++)
		sum += best[k];
	printf("%.0f\n", n * pieces / sum);
	return 0;
}
