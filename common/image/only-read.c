/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "only-read.h"

#include <string.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/fs/compare-extents.h"
#include "common/fs/file-date.h"
#include "common/fs/inode.h"
#include "common/pool/capacity.h"
#include "common/pool/volume-state.h"
#include "unwritten.h"

#define CHUNK 16384
/* Less than a second on any disk. */
#define CHUNKS_MAX 4096

typedef struct {
    int dirty, clean;
    uint32_t blocks; /* that were read */
    bool different;
} Blocks;

/* The range can be equal: compressed and unwritten extents say nothing. Behind the end of the clean
 * image are zeros. */
static bool
compare_range(uint64_t start, uint64_t length, void *data)
{
    Blocks *blocks = data;
    char dirty[CHUNK], clean[CHUNK];

    for (uint64_t at = start; at < start + length; at += CHUNK) {
        size_t size = (size_t) MIN(start + length - at, CHUNK);
        if (blocks->blocks++ == CHUNKS_MAX)
            return false;
        memset(clean, 0, size);
        if (pread(blocks->dirty, dirty, size, (off_t) at) != (ssize_t) size ||
            pread(blocks->clean, clean, size, (off_t) at) < 0 || memcmp(dirty, clean, size) != 0) {
            blocks->different = true;
            return false;
        }
    }
    return true;
}

static bool
has_size_and_date(const struct stat *dirty, const struct stat *made_from)
{
    bool cut =
        rl_date_is_whole(&dirty->st_mtim) && dirty->st_mtim.tv_sec == made_from->st_mtim.tv_sec;

    return (uint64_t) dirty->st_size == rl_capacity_round((uint64_t) made_from->st_size) &&
           (cut || rl_stat_same_date(dirty, made_from));
}

/* True with NULL where there is no clean image that could be read now. */
static bool
open_base(const RlDirtyImage *image, RlBase **ret_base, GError **error)
{
    g_autoptr(GError) cause = NULL;

    *ret_base = rl_base_open(image->volume, &cause);
    if (!cause || g_error_matches(cause, RL_ERROR, RL_ERROR_STATE) ||
        g_error_matches(cause, RL_ERROR, RL_ERROR_BUSY))
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

static bool
compare_blocks(const RlDirtyImage *image, const RlBase *base, bool *ret_different, GError **error)
{
    Blocks blocks = {.dirty = image->fd, .clean = base->fd};
    const RlExtentsWish wish = {.length = (uint64_t) image->volume->dirty.st.st_size,
                                .extents_max = RL_UNWRITTEN_EXTENTS_MAX,
                                .range = compare_range,
                                .data = &blocks};
    g_autoptr(GError) cause = NULL;

    rl_extents_compare(image->fd, base->fd, &wish, &cause);
    *ret_different = blocks.different;
    if (!cause || g_error_matches(cause, RL_ERROR, RL_ERROR_UNSUPPORTED))
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

bool
rl_only_read_is_written(const RlDirtyImage *image, const RlBase *base, bool *ret_written,
                        GError **error)
{
    g_autoptr(RlBase) opened = NULL;
    struct stat made_from;

    if (!base && !open_base(image, &opened, error))
        return false;
    base = base ? base : opened;
    /* One that was replaced or edited since is not what it was made from. */
    if (base && (!image->base.id || !rl_image_base_is(&image->base, base->id, &base->st)))
        base = NULL;
    bool noted = rl_image_base_stat(&image->base, &made_from);
    if (!noted && base)
        made_from = base->st;
    *ret_written = !(noted || base) || !has_size_and_date(&image->volume->dirty.st, &made_from);
    return *ret_written || !base || !rl_unwritten_is_in_doubt(image->run, base) ||
           compare_blocks(image, base, ret_written, error);
}

bool
rl_only_read_refuse(const RlDirtyImage *image, const char *what, GError **error)
{
    const RlVolume *volume = image->volume;

    if (image->run && (!rl_mark_set(image->fd, RL_MARK_SUSPECT, error) ||
                       !rl_dirty_sync(volume, image->fd, error)))
        return false;
    rl_volume_log(volume, "kept %s, which was written to and was to be read only",
                  volume->dirty_file);
    return rl_state_refuse_written(volume, what, error);
}
