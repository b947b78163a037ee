/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "read-state.h"

#include <string.h>
#include <sys/stat.h>

#include "at-rest.h"
#include "common/base/autofd.h"
#include "common/format/image-base.h"
#include "common/format/image-copy.h"
#include "common/format/image-id.h"
#include "common/format/image-save.h"
#include "common/image/dirty-image.h"
#include "common/image/restore-fit.h"

/* All attributes of an image may have to share one block. */
#define STATES_MAX 8

/* What no image has: the domain read one that is gone. */
#define GONE "gone 0 0.0"

/* What a disk has; an id and a date. */
typedef struct {
    RlImageBase is;
    struct stat st; /* its size and modification time */
} State;

static void
state_clear(State *state)
{
    rl_image_base_free_members(&state->is);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(State, state_clear)

/* False where that cannot be told. */
static bool
look_at_image(int fd, State *state)
{
    if (!rl_image_id_get(fd, &state->is.id, NULL) || !state->is.id || fstat(fd, &state->st) < 0)
        return false;
    state->is.date = rl_image_base_date(&state->st);
    return true;
}

/* A volume's dirty image has what it was made from. */
static bool
look_at_dirty(int fd, State *state)
{
    return rl_image_base_get(fd, &state->is, NULL) && state->is.id &&
           rl_image_base_stat(&state->is, &state->st);
}

/* It was read at rest, or the dirty image was that another run has made meanwhile: both have the
 * @state of the clean image, unless that was edited in between. */
static bool
may_be_another(const RlReadDisk *read, const State *state)
{
    const RlVolume *volume = read->volume;
    g_auto(State) base = {0};

    if (read->whole || strcmp(read->file, volume->clean_file) != 0 || !volume->dirty.there ||
        !rl_pool_has_links(read->pool, volume->name->dir))
        return false;
    rl_autofd int fd = rl_volume_open_image(volume, volume->dirty_file, NULL);
    return fd >= 0 && look_at_dirty(fd, &base) &&
           !rl_image_base_is(&base.is, state->is.id, &state->st);
}

/* What @read had in the run that has ended: "ID SIZE DATE", owned by the caller; NULL where that
 * cannot be told. */
static char *
describe(const RlDomain *domain, const RlReadDisk *read)
{
    g_auto(State) state = {0};
    bool gone = false;
    rl_autofd int fd = read->whole ? rl_volume_open_image(read->volume, read->file, NULL)
                                   : rl_at_rest_open(domain, read, &gone);

    if (gone)
        return g_strdup(GONE);
    if (fd < 0 || !(read->whole ? look_at_dirty : look_at_image)(fd, &state))
        return NULL;
    if (may_be_another(read, &state))
        return g_strdup(GONE);
    return g_strdup_printf("%s %s", state.is.id, state.is.date);
}

char **
rl_read_states_of(const RlDomain *domain)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();

    for (guint i = 0; i < domain->disks->len && all->len < STATES_MAX; i++) {
        const RlDisk *disk = g_ptr_array_index(domain->disks, i);
        g_auto(RlReadDisk) read = {0};
        if (!disk->target || !rl_read_disk_find(disk, &read, NULL) || !read.volume ||
            read.volume->dir < 0)
            continue;
        rl_read_disk_settle(domain, &read);
        g_autofree char *state = describe(domain, &read);
        if (state)
            g_ptr_array_add(all, g_strdup_printf("%s %s", disk->target, state));
    }
    g_ptr_array_add(all, NULL);
    return (char **) g_ptr_array_free(g_steal_pointer(&all), FALSE);
}

/* What @reads says of the disk @target; false where that is nothing. */
static bool
find_noted(char **reads, const char *target, RlImageBase *ret_noted)
{
    for (; target && reads && *reads; reads++) {
        g_auto(GStrv) words = g_strsplit(*reads, " ", 3);
        if (g_strv_length(words) != 3 || strcmp(words[0], target) != 0)
            continue;
        ret_noted->id = g_strdup(words[1]);
        ret_noted->date = g_strdup(words[2]);
        return true;
    }
    return false;
}

/* *@ret_same is true as well where there is nothing to compare, @return false where the dates are
 * to tell. */
static bool
compare_image(const RlReadDisk *read, const RlImageBase *noted, bool *ret_same)
{
    g_auto(State) state = {0};
    rl_autofd int fd = rl_volume_open_image(read->volume, read->file, NULL);

    *ret_same = fd < 0;
    if (fd < 0)
        return true;
    if (!look_at_image(fd, &state))
        return false;
    *ret_same = rl_image_base_is(noted, state.is.id, &state.st) || rl_image_copy_is(fd, noted);
    return true;
}

/* Is it kept as it was at a save? Then that one is compared (rl_fits_require()). */
static bool
is_as_saved(int fd)
{
    g_autoptr(RlSave) save = NULL;
    struct stat st;

    return rl_save_get(fd, &save, NULL) && save && save->id && fstat(fd, &st) == 0 &&
           rl_save_has_same_image(save, &st);
}

/* The same of a volume: of its dirty image, or what that is about to be made from. */
static bool
compare_volume(const RlVolume *volume, const RlImageBase *noted, bool *ret_same)
{
    g_auto(State) state = {0};

    if (volume->dirty.there) {
        rl_autofd int fd = rl_volume_open_image(volume, volume->dirty_file, NULL);
        if (fd < 0 || is_as_saved(fd) || !look_at_dirty(fd, &state))
            return false;
        *ret_same = rl_image_base_is(noted, state.is.id, &state.st);
        return true;
    }
    g_autoptr(RlBase) base = rl_base_open(volume, NULL);
    if (!base)
        return false;
    *ret_same = rl_image_base_is(noted, base->id, &base->st);
    return true;
}

bool
rl_read_state_require(const RlDisk *disk, const RlReadDisk *read, const RlDomainRef *owner,
                      bool *ret_known, GError **error)
{
    g_auto(State) noted = {0};
    bool same = true;

    *ret_known = false;
    if (!owner->memory || !find_noted(owner->memory->reads, disk->target, &noted.is) ||
        read->volume->dir < 0)
        return true;
    *ret_known = read->whole ? compare_volume(read->volume, &noted.is, &same)
                             : compare_image(read, &noted.is, &same);
    return !*ret_known || same ||
           rl_fits_refuse_changed(read->volume, read->whole ? read->volume->clean_file : read->file,
                                  owner, error);
}
