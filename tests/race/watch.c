/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the engine and its locks (-Wl,--wrap): writes down who has which, looks at the volume
 * with the lock, and sees that nobody clones with one. */
#include "common/fs/reflink.h"
#include "common/fs/sparse-copy.h"
#include "common/pool/volume-lock.h"
#include "race.h"

#include <linux/fs.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

#define HELD_MAX 4

typedef struct {
    RlLock *lock;
    int id; /* of the lock: a volume's, or VOLUMES + that for its maintenance */
    Section *section;
} Held;

static Slot *slot;
static int slot_number, op_number;
static Held held[HELD_MAX];
static int n_held;

void
watch_begin(int number)
{
    slot_number = number;
    slot = number < 0 ? NULL : &shared->slots[number];
    n_held = 0;
}

void
watch_op(int op)
{
    op_number = op;
}

static void G_GNUC_PRINTF(1, 2) broken(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    if (slot && !*slot->broken)
        g_strlcpy(slot->broken, text, sizeof(slot->broken));
}

static int
id_of(const char *name)
{
    g_autofree char *volume = g_strdup(name);
    char *tilde = strchr(volume, '~');

    if (tilde)
        *tilde = '\0';
    int id = volume_find(volume);
    if (id < 0)
        g_error("somebody locks '%s'", name);
    return id + (tilde ? VOLUMES : 0);
}

static Section *
begin_section(int volume, const char *purpose)
{
    if (slot->n_sections >= SECTIONS)
        g_error("there are more than %d sections", SECTIONS);
    Section *section = &slot->sections[slot->n_sections];
    memset(section, 0, offsetof(Section, before));
    section->slot = slot_number;
    section->op = op_number;
    section->volume = volume;
    g_strlcpy(section->purpose, purpose, sizeof(section->purpose));
    section->taken = stamp();
    see(volume, &section->before);
    section->looked = stamp();
    /* Who is killed before this has changed nothing. */
    atomic_thread_fence(memory_order_release);
    slot->n_sections++;
    return section;
}

static void
end_section(Section *section)
{
    section->done = stamp();
    see(section->volume, &section->after);
    atomic_thread_fence(memory_order_release);
    section->released = stamp();
}

RlLock *__real_rl_lock_take(dev_t dev, ino_t ino, const char *volume, const char *purpose,
                            int timeout_ms, GError **error);
RlLock *__wrap_rl_lock_take(dev_t dev, ino_t ino, const char *volume, const char *purpose,
                            int timeout_ms, GError **error);
void __real_rl_lock_release(RlLock *lock);
void __wrap_rl_lock_release(RlLock *lock);
bool __real_rl_sparse_copy(int from, int to, const RlCopyWatch *watch, GError **error);
bool __wrap_rl_sparse_copy(int from, int to, const RlCopyWatch *watch, GError **error);
int __real_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument);

RlLock *
__wrap_rl_lock_take(dev_t dev, ino_t ino, const char *volume, const char *purpose, int timeout_ms,
                    GError **error)
{
    if (!slot)
        return __real_rl_lock_take(dev, ino, volume, purpose, timeout_ms, error);

    int id = id_of(volume);
    for (int i = 0; i < n_held; i++)
        slot->pairs[held[i].id][id]++;
    gint64 begin = g_get_monotonic_time();
    RlLock *lock = __real_rl_lock_take(dev, ino, volume, purpose, timeout_ms, error);
    if (g_get_monotonic_time() - begin > ((gint64) timeout_ms + 5000) * 1000)
        broken("'%s' waited much longer than %d ms for the lock of %s", purpose, timeout_ms,
               volume);
    if (!lock)
        return NULL;
    slot->acquisitions++;
    g_assert(n_held < HELD_MAX);
    held[n_held++] = (Held){lock, id, id < VOLUMES ? begin_section(id, purpose) : NULL};
    return lock;
}

void
__wrap_rl_lock_release(RlLock *lock)
{
    for (int i = 0; slot && lock && i < n_held; i++) {
        if (held[i].lock != lock)
            continue;
        if (held[i].section)
            end_section(held[i].section);
        memmove(&held[i], &held[i + 1], sizeof(Held) * (size_t) (--n_held - i));
        break;
    }
    __real_rl_lock_release(lock);
}

static void
require_no_lock(const char *what)
{
    if (!slot)
        return;
    slot->clones++;
    for (int i = 0; i < n_held; i++)
        if (held[i].id < VOLUMES)
            broken("%s with the lock of %s, taken for '%s'", what, volume_names[held[i].id],
                   held[i].section->purpose);
}

bool
__wrap_rl_sparse_copy(int from, int to, const RlCopyWatch *watch, GError **error)
{
    require_no_lock("a copy is made");
    return __real_rl_sparse_copy(from, to, watch, error);
}

int
__wrap_ioctl(int fd, unsigned long request, void *argument)
{
    if (request == FICLONE || request == FICLONERANGE)
        require_no_lock("a reflink is made");
    return __real_ioctl(fd, request, argument);
}
