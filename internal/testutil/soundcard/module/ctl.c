/*
 * The mixer of the test card: control elements of every type, of which all programs that have it open see the same values.
 *
 *   ctl.x { type card  [empty 1]  [unplug_at N] }
 *
 * empty 1 has no elements. With unplug_at, the card goes at the Nth access to a value: that and all later ones give ENODEV.
 */
#include <alsa/asoundlib.h>
#include <alsa/control_external.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const struct element {
	const char *name;
	int iface, type;
	unsigned count, access;
	int64_t min, max, step;
} elements[] = {
	{"Master Playback Volume", SND_CTL_ELEM_IFACE_MIXER, SND_CTL_ELEM_TYPE_INTEGER, 2,
	 SND_CTL_EXT_ACCESS_READWRITE | SND_CTL_EXT_ACCESS_TLV_READ | SND_CTL_EXT_ACCESS_TLV_CALLBACK, 0, 64, 1},
	{"Master Playback Switch", SND_CTL_ELEM_IFACE_MIXER, SND_CTL_ELEM_TYPE_BOOLEAN, 2, SND_CTL_EXT_ACCESS_READWRITE, 0, 1, 1},
	{"Mic Capture Volume", SND_CTL_ELEM_IFACE_MIXER, SND_CTL_ELEM_TYPE_INTEGER, 1, SND_CTL_EXT_ACCESS_READWRITE, -10, 10, 2},
	{"Mic Capture Switch", SND_CTL_ELEM_IFACE_MIXER, SND_CTL_ELEM_TYPE_BOOLEAN, 1, SND_CTL_EXT_ACCESS_READWRITE, 0, 1, 1},
	{"Output Mode", SND_CTL_ELEM_IFACE_MIXER, SND_CTL_ELEM_TYPE_ENUMERATED, 1, SND_CTL_EXT_ACCESS_READWRITE, 0, 2, 1},
	{"Position", SND_CTL_ELEM_IFACE_PCM, SND_CTL_ELEM_TYPE_INTEGER64, 1, SND_CTL_EXT_ACCESS_READWRITE, -(1LL << 40), 1LL << 40, 1},
	{"Calibration", SND_CTL_ELEM_IFACE_CARD, SND_CTL_ELEM_TYPE_BYTES, 8, SND_CTL_EXT_ACCESS_READWRITE, 0, 0, 0},
	{"IEC958 Playback Default", SND_CTL_ELEM_IFACE_PCM, SND_CTL_ELEM_TYPE_IEC958, 1, SND_CTL_EXT_ACCESS_READWRITE, 0, 0, 0},
	{"Level", SND_CTL_ELEM_IFACE_CARD, SND_CTL_ELEM_TYPE_INTEGER, 1, SND_CTL_EXT_ACCESS_READ | SND_CTL_EXT_ACCESS_VOLATILE, 0, 1000, 0},
};
static const char *const modes[] = {"Speaker", "Headphones", "Off"};
enum { COUNT = sizeof elements / sizeof *elements };

struct mixer {
	snd_ctl_ext_t ext;
	struct mixer *next;
	unsigned changed; /* a bit for each element */
	long empty, unplug_at, accesses;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct mixer *all;
static int64_t values[COUNT][2];
static unsigned char bytes[8];
static snd_aes_iec958_t iec958;

static int gone(snd_ctl_ext_t *ext)
{
	struct mixer *m = ext->private_data;
	return m->unplug_at && ++m->accesses >= m->unplug_at ? -ENODEV : 0;
}

/* tell everyone who listens; the caller holds the lock */
static void tell(unsigned key)
{
	for (struct mixer *m = all; m; m = m->next)
		if (m->ext.subscribed) {
			uint64_t one = 1;
			m->changed |= 1u << key;
			if (write(m->ext.poll_fd, &one, sizeof one) < 0)
				return;
		}
}

static int elem_count(snd_ctl_ext_t *ext)
{
	return ((struct mixer *)ext->private_data)->empty ? 0 : COUNT;
}

static void fill(unsigned key, snd_ctl_elem_id_t *id)
{
	snd_ctl_elem_id_set_interface(id, elements[key].iface);
	snd_ctl_elem_id_set_name(id, elements[key].name);
	if (elements[key].iface == SND_CTL_ELEM_IFACE_PCM)
		snd_ctl_elem_id_set_device(id, 3);
}

static int elem_list(snd_ctl_ext_t *ext, unsigned offset, snd_ctl_elem_id_t *id)
{
	(void)ext;
	if (offset >= COUNT)
		return -EINVAL;
	fill(offset, id);
	return 0;
}

static snd_ctl_ext_key_t find_elem(snd_ctl_ext_t *ext, const snd_ctl_elem_id_t *id)
{
	unsigned n = snd_ctl_elem_id_get_numid(id);
	(void)ext;
	if (n > 0 && n <= COUNT)
		return n - 1;
	for (n = 0; n < COUNT; n++)
		if (!strcmp(elements[n].name, snd_ctl_elem_id_get_name(id)))
			return n;
	return SND_CTL_EXT_KEY_NOT_FOUND;
}

static int get_attribute(snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, int *type, unsigned *acc, unsigned *count)
{
	(void)ext;
	*type = elements[key].type;
	*acc = elements[key].access;
	*count = elements[key].count;
	return 0;
}

static int integer_info(snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, long *min, long *max, long *step)
{
	(void)ext;
	*min = elements[key].min;
	*max = elements[key].max;
	*step = elements[key].step;
	return 0;
}

static int integer64_info(snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, int64_t *min, int64_t *max, int64_t *step)
{
	(void)ext;
	*min = elements[key].min;
	*max = elements[key].max;
	*step = elements[key].step;
	return 0;
}

static int enumerated_info(snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, unsigned *items)
{
	(void)ext;
	(void)key;
	*items = sizeof modes / sizeof *modes;
	return 0;
}

static int enumerated_name(snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, unsigned item, char *name, size_t size)
{
	(void)ext;
	(void)key;
	if (item >= sizeof modes / sizeof *modes)
		return -EINVAL;
	snprintf(name, size, "%s", modes[item]);
	return 0;
}

/* put sets one value and reports whether it is another; the caller holds the lock */
static int put(unsigned key, unsigned i, int64_t v)
{
	int other = values[key][i] != v;
	values[key][i] = v;
	return other;
}

/* READ and WRITE are the callbacks for values of one type in C, which count says how many there are of */
#define READ(name, type)                                                        \
	static int name(snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, type *v)     \
	{                                                                       \
		int err = gone(ext);                                            \
		pthread_mutex_lock(&lock);                                      \
		for (unsigned i = 0; !err && i < elements[key].count; i++)      \
			v[i] = values[key][i];                                  \
		pthread_mutex_unlock(&lock);                                    \
		return err;                                                     \
	}
#define WRITE(name, type)                                                       \
	static int name(snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, type *v)     \
	{                                                                       \
		int err = gone(ext), other = 0;                                 \
		pthread_mutex_lock(&lock);                                      \
		for (unsigned i = 0; !err && i < elements[key].count; i++)      \
			other |= put(key, i, v[i]);                             \
		if (other)                                                      \
			tell(key);                                              \
		pthread_mutex_unlock(&lock);                                    \
		return err ? err : other;                                       \
	}
READ(read_integer, long)
READ(read_integer64, int64_t)
READ(read_enumerated, unsigned)
WRITE(write_integer, long)
WRITE(write_integer64, int64_t)
WRITE(write_enumerated, unsigned)

static int read_bytes(snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, unsigned char *data, size_t max)
{
	(void)key;
	memcpy(data, bytes, max < sizeof bytes ? max : sizeof bytes);
	return gone(ext);
}

static int write_bytes(snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, unsigned char *data, size_t max)
{
	pthread_mutex_lock(&lock);
	memcpy(bytes, data, max < sizeof bytes ? max : sizeof bytes);
	tell(key);
	pthread_mutex_unlock(&lock);
	return gone(ext) ? -ENODEV : 1;
}

static int read_iec958(snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, snd_aes_iec958_t *v)
{
	(void)key;
	*v = iec958;
	return gone(ext);
}

static int write_iec958(snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, snd_aes_iec958_t *v)
{
	pthread_mutex_lock(&lock);
	iec958 = *v;
	tell(key);
	pthread_mutex_unlock(&lock);
	return gone(ext) ? -ENODEV : 1;
}

/* decibels from -48 on in steps of 0.75 */
static int tlv(snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, int op, unsigned numid, unsigned *to, unsigned size)
{
	static const unsigned scale[] = {SND_CTL_TLVT_DB_SCALE, 8, (unsigned)-4800, 75};
	(void)ext;
	(void)numid;
	if (op != 0 || key != 0 || size < sizeof scale)
		return -ENXIO;
	memcpy(to, scale, sizeof scale);
	return 0;
}

static void subscribe_events(snd_ctl_ext_t *ext, int subscribe)
{
	(void)ext;
	(void)subscribe;
}

static int read_event(snd_ctl_ext_t *ext, snd_ctl_elem_id_t *id, unsigned *mask)
{
	struct mixer *m = ext->private_data;
	int found = -EAGAIN;
	uint64_t n;
	pthread_mutex_lock(&lock);
	for (unsigned key = 0; key < COUNT; key++)
		if (m->changed & 1u << key) {
			m->changed &= ~(1u << key);
			fill(key, id);
			snd_ctl_elem_id_set_numid(id, key + 1);
			*mask = SND_CTL_EVENT_MASK_VALUE;
			found = 1;
			break;
		}
	if (found < 0 && read(ext->poll_fd, &n, sizeof n) < 0)
		found = -EAGAIN;
	pthread_mutex_unlock(&lock);
	return found;
}

static void mixer_close(snd_ctl_ext_t *ext)
{
	struct mixer *m = ext->private_data;
	pthread_mutex_lock(&lock);
	for (struct mixer **p = &all; *p; p = &(*p)->next)
		if (*p == m) {
			*p = m->next;
			break;
		}
	pthread_mutex_unlock(&lock);
	close(ext->poll_fd);
	free(m);
}

static const snd_ctl_ext_callback_t callbacks = {
	.close = mixer_close, .elem_count = elem_count, .elem_list = elem_list, .find_elem = find_elem, .get_attribute = get_attribute,
	.get_integer_info = integer_info, .get_integer64_info = integer64_info, .get_enumerated_info = enumerated_info,
	.get_enumerated_name = enumerated_name, .read_integer = read_integer, .read_integer64 = read_integer64,
	.read_enumerated = read_enumerated, .read_bytes = read_bytes, .read_iec958 = read_iec958, .write_integer = write_integer,
	.write_integer64 = write_integer64, .write_enumerated = write_enumerated, .write_bytes = write_bytes, .write_iec958 = write_iec958,
	.subscribe_events = subscribe_events, .read_event = read_event,
};

SND_CTL_PLUGIN_DEFINE_FUNC(card)
{
	snd_config_iterator_t i, next;
	struct mixer *m = calloc(1, sizeof *m);
	int err;
	(void)root;
	if (!m)
		return -ENOMEM;
	snd_config_for_each(i, next, conf) {
		snd_config_t *n = snd_config_iterator_entry(i);
		const char *id;
		if (snd_config_get_id(n, &id) < 0)
			continue;
		if (!strcmp(id, "empty"))
			snd_config_get_integer(n, &m->empty);
		if (!strcmp(id, "unplug_at"))
			snd_config_get_integer(n, &m->unplug_at);
	}
	m->ext.version = SND_CTL_EXT_VERSION;
	m->ext.card_idx = 7;
	strcpy(m->ext.id, "Test");
	strcpy(m->ext.driver, "testdriver");
	strcpy(m->ext.name, "Test card");
	strcpy(m->ext.longname, "Test card in user space");
	strcpy(m->ext.mixername, "Test mixer");
	m->ext.poll_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	m->ext.callback = &callbacks;
	m->ext.private_data = m;
	m->ext.tlv.c = tlv;
	err = snd_ctl_ext_create(&m->ext, name, mode);
	if (err < 0) {
		close(m->ext.poll_fd);
		free(m);
		return err;
	}
	pthread_mutex_lock(&lock);
	m->next = all;
	all = m;
	pthread_mutex_unlock(&lock);
	*handlep = m->ext.handle;
	return 0;
}
SND_CTL_PLUGIN_SYMBOL(card);
