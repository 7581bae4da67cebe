// What one core reads: read BYTES [PASSES] goes through so many bytes of anonymous memory, and prints the best rate of the passes in bytes a second.
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
	size_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	int passes = argc > 2 ? atoi(argv[2]) : 5;
	volatile uint64_t all = 0;
	double best = 0;
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	memset(p, 1, n);
	for (int i = 0; i < passes; i++) {
		double began = now();

		all |= pass(p, n / 8);
		double rate = n / (now() - began);
		if (rate > best)
			best = rate;
	}
	printf("%.0f\n", best);
	return 0;
}
