/*
 * A sound card in user space for tests: an ioplug PCM whose clock is a timerfd.
 *
 *   pcm.x { type card  file "path"  [tick_us 1000]  [xrun_at N]  [xrun_every N or -1]  [suspend_at N]
 *                      [wakes 3]  [unplug_at N] }
 *
 * Capture reads file (zeros past its end), playback writes it. One tick moves one period, however late the program is: the card
 * never runs over or under by itself, so a test on a slow machine sees exactly the faults it asked for. tick_us 0 makes a
 * card that is stuck: no tick ever comes. N counts frames since open; a fault comes with the first tick after N frames, on
 * capture only once these were read; xrun_every -1 lets no frame through after N. A suspended card wakes up at the call of resume that
 * wakes says; 0 is a card that cannot, and must be prepared.
 */
#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>
#include <stdint.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct card {
	snd_pcm_ioplug_t io;
	int timer;
	FILE *file;
	long tick_us, xrun_at, xrun_every, suspend_at, wakes, unplug_at;
	uint64_t total;            /* frames since open */
	snd_pcm_uframes_t moved;   /* frames since prepare, below boundary */
	snd_pcm_uframes_t boundary;
	int resumes;
	struct { unsigned channels, pos[8]; } map; /* a snd_pcm_chmap_t; channels 0 until it is set */
};

static int set_timer(struct card *c, long us)
{
	struct itimerspec t = {{us / 1000000, us % 1000000 * 1000}, {us / 1000000, us % 1000000 * 1000}};
	return timerfd_settime(c->timer, 0, &t, NULL) < 0 ? -errno : 0;
}

static int card_start(snd_pcm_ioplug_t *io)
{
	struct card *c = io->private_data;
	return set_timer(c, c->tick_us);
}

static int card_stop(snd_pcm_ioplug_t *io)
{
	return set_timer(io->private_data, 0);
}

static int card_prepare(snd_pcm_ioplug_t *io)
{
	struct card *c = io->private_data;
	c->moved = 0;
	return set_timer(c, 0);
}

static int card_sw_params(snd_pcm_ioplug_t *io, snd_pcm_sw_params_t *p)
{
	struct card *c = io->private_data;
	return snd_pcm_sw_params_get_boundary(p, &c->boundary);
}

static int card_resume(snd_pcm_ioplug_t *io)
{
	struct card *c = io->private_data;
	c->suspend_at = 0;
	if (!c->wakes)
		return -ENOSYS;
	if (++c->resumes < c->wakes)
		return -EAGAIN;
	snd_pcm_ioplug_set_state(io, SND_PCM_STATE_RUNNING);
	return set_timer(c, c->tick_us);
}

/* move n frames between the file and the ring */
static void move(struct card *c, snd_pcm_uframes_t n)
{
	const snd_pcm_channel_area_t *a = snd_pcm_ioplug_mmap_areas(&c->io);
	size_t frame = a[0].step / 8;
	while (n > 0) {
		snd_pcm_uframes_t at = c->moved % c->io.buffer_size, k = c->io.buffer_size - at;
		char *p = (char *)a[0].addr + a[0].first / 8 + at * frame;
		if (k > n)
			k = n;
		if (c->io.stream == SND_PCM_STREAM_CAPTURE) {
			size_t got = c->file ? fread(p, frame, k, c->file) : 0;
			memset(p + got * frame, 0, (k - got) * frame);
		} else if (c->file) {
			fwrite(p, frame, k, c->file);
		}
		c->moved = (c->moved + k) % c->boundary;
		c->total += k;
		n -= k;
	}
}

static snd_pcm_sframes_t card_pointer(snd_pcm_ioplug_t *io)
{
	struct card *c = io->private_data;
	int capture = io->stream == SND_PCM_STREAM_CAPTURE;
	uint64_t ticks, limit = UINT64_MAX;
	if (io->state != SND_PCM_STATE_RUNNING && io->state != SND_PCM_STATE_DRAINING)
		return c->moved;
	if (read(c->timer, &ticks, sizeof ticks) != sizeof ticks)
		return c->moved;
	/* frames in the ring: captured and not read, or written and not played */
	snd_pcm_uframes_t app = io->appl_ptr;
	snd_pcm_uframes_t held = (capture ? c->moved + c->boundary - app : app + c->boundary - c->moved) % c->boundary;
	long *faults[] = {&c->xrun_at, &c->suspend_at, &c->unplug_at};
	for (int i = 0; i < 3; i++) {
		long at = *faults[i];
		if (!at)
			continue;
		if (c->total < (uint64_t)at) {
			if (limit > at - c->total)
				limit = at - c->total;
			continue;
		}
		limit = 0;
		if (capture && held)
			continue;
		if (i == 0) {
			c->xrun_at = c->xrun_every < 0 ? at : c->xrun_every ? at + c->xrun_every : 0;
			return -EPIPE;
		}
		set_timer(c, 1000); /* poll goes on waking, with POLLERR */
		snd_pcm_ioplug_set_state(io, i == 1 ? SND_PCM_STATE_SUSPENDED : SND_PCM_STATE_DISCONNECTED);
		return c->moved;
	}
	snd_pcm_uframes_t n = io->period_size, room = capture ? io->buffer_size - held : held;
	if (n > room)
		n = room;
	if (n > limit)
		n = limit;
	move(c, n);
	return c->moved;
}

static int card_revents(snd_pcm_ioplug_t *io, struct pollfd *fd, unsigned n, unsigned short *revents)
{
	snd_pcm_sframes_t avail = 0;
	*revents = 0;
	if (n < 1 || !(fd[0].revents & POLLIN))
		return 0;
	avail = snd_pcm_avail_update(io->pcm);
	if (avail < 0 || (io->state != SND_PCM_STATE_RUNNING && io->state != SND_PCM_STATE_DRAINING))
		*revents = POLLERR;
	else if (avail > 0)
		*revents = io->stream == SND_PCM_STREAM_CAPTURE ? POLLIN : POLLOUT;
	return 0;
}

static snd_pcm_chmap_t *card_get_chmap(snd_pcm_ioplug_t *io)
{
	struct card *c = io->private_data;
	snd_pcm_chmap_t *m = c->map.channels ? malloc(sizeof c->map) : NULL;
	if (m)
		memcpy(m, &c->map, sizeof c->map);
	return m;
}

static int card_set_chmap(snd_pcm_ioplug_t *io, const snd_pcm_chmap_t *map)
{
	struct card *c = io->private_data;
	if (map->channels != io->channels || map->channels > 8)
		return -EINVAL;
	memcpy(&c->map, map, sizeof map->channels * (1 + map->channels));
	return 0;
}

static int card_close(snd_pcm_ioplug_t *io)
{
	struct card *c = io->private_data;
	if (c->file)
		fclose(c->file);
	close(c->timer);
	free(c);
	return 0;
}

static const snd_pcm_ioplug_callback_t callbacks = {
	.start = card_start, .stop = card_stop, .pointer = card_pointer, .prepare = card_prepare, .sw_params = card_sw_params,
	.resume = card_resume, .poll_revents = card_revents, .close = card_close,
	.get_chmap = card_get_chmap, .set_chmap = card_set_chmap,
};

SND_PCM_PLUGIN_DEFINE_FUNC(card)
{
	static const unsigned access[] = {SND_PCM_ACCESS_RW_INTERLEAVED, SND_PCM_ACCESS_MMAP_INTERLEAVED};
	static const unsigned format[] = {SND_PCM_FORMAT_S16_LE, SND_PCM_FORMAT_S32_LE};
	snd_config_iterator_t i, next;
	const char *path = NULL;
	struct card *c = calloc(1, sizeof *c);
	int err;
	(void)root;
	if (!c)
		return -ENOMEM;
	c->tick_us = 1000;
	c->wakes = 3;
	c->boundary = 0x40000000;
	snd_config_for_each(i, next, conf) {
		snd_config_t *n = snd_config_iterator_entry(i);
		const char *id;
		const struct { const char *id; long *v; } longs[] = {
			{"tick_us", &c->tick_us}, {"xrun_at", &c->xrun_at}, {"xrun_every", &c->xrun_every},
			{"suspend_at", &c->suspend_at}, {"wakes", &c->wakes}, {"unplug_at", &c->unplug_at},
		};
		int known = 0;
		if (snd_config_get_id(n, &id) < 0)
			continue;
		if (!strcmp(id, "comment") || !strcmp(id, "type") || !strcmp(id, "hint"))
			continue;
		if (!strcmp(id, "file")) {
			snd_config_get_string(n, &path);
			continue;
		}
		for (size_t k = 0; k < sizeof longs / sizeof *longs; k++)
			if (!strcmp(id, longs[k].id)) {
				snd_config_get_integer(n, longs[k].v);
				known = 1;
			}
		if (!known) {
			SNDERR("unknown field %s", id);
			free(c);
			return -EINVAL;
		}
	}
	if (path && !(c->file = fopen(path, stream == SND_PCM_STREAM_CAPTURE ? "rb" : "wb"))) {
		err = -errno;
		SNDERR("cannot open %s", path);
		free(c);
		return err;
	}
	c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	c->io.version = SND_PCM_IOPLUG_VERSION;
	c->io.name = "test card";
	c->io.callback = &callbacks;
	c->io.private_data = c;
	c->io.poll_fd = c->timer;
	c->io.poll_events = POLLIN;
	c->io.mmap_rw = 1;
	c->io.flags = SND_PCM_IOPLUG_FLAG_MONOTONIC | SND_PCM_IOPLUG_FLAG_BOUNDARY_WA;
	err = snd_pcm_ioplug_create(&c->io, name, stream, mode);
	if (err < 0) {
		card_close(&c->io);
		return err;
	}
	snd_pcm_ioplug_set_param_list(&c->io, SND_PCM_IOPLUG_HW_ACCESS, 2, access);
	snd_pcm_ioplug_set_param_list(&c->io, SND_PCM_IOPLUG_HW_FORMAT, 2, format);
	snd_pcm_ioplug_set_param_minmax(&c->io, SND_PCM_IOPLUG_HW_CHANNELS, 1, 8);
	snd_pcm_ioplug_set_param_minmax(&c->io, SND_PCM_IOPLUG_HW_RATE, 8000, 192000);
	snd_pcm_ioplug_set_param_minmax(&c->io, SND_PCM_IOPLUG_HW_PERIOD_BYTES, 64, 1 << 16);
	snd_pcm_ioplug_set_param_minmax(&c->io, SND_PCM_IOPLUG_HW_BUFFER_BYTES, 128, 1 << 18);
	snd_pcm_ioplug_set_param_minmax(&c->io, SND_PCM_IOPLUG_HW_PERIODS, 2, 64);
	*pcmp = c->io.pcm;
	return 0;
}
SND_PCM_PLUGIN_SYMBOL(card);
