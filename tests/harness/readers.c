/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domains that only read an image, and what asks whether an image is whole, or its own. */
#include "steps.h"

#include "common/base/autofd.h"
#include "common/image/content.h"
#include "common/image/reader.h"
#include "common/operation/unshare.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define READER "alice"

/* The name of the clean image in its directory, owned by the caller. */
static char *
clean_name(const Site *site, const Step *step)
{
    g_autofree char *path = site_file(site, step->volume, RL_FILE_CLEAN);

    return g_path_get_basename(path);
}

/* The clean image gets the name @other in the pool. */
static bool
rename_clean(Site *site, const Step *step, GError **error)
{
    g_autofree char *path = site_file(site, step->volume, RL_FILE_CLEAN);
    g_autofree char *other = g_build_filename(site->path, step->other, NULL);

    return rename(path, other) == 0 || rl_fail_errno(error, errno, "rename");
}

/* One that comes, opens the image and goes; it has the name @other by then, if that is given. */
static bool
read_at_rest(Site *site, const Step *step, GError **error)
{
    g_autofree char *file = clean_name(site, step);
    RlReadImage image = {.volume = step->volume, .file = file};
    RlPool *pool = site_pool(site, error);

    if (!pool || !rl_reader_begin(pool, &image, READER, error))
        return false;
    site_pause(site);
    bool renamed = !step->other || rename_clean(site, step, error);
    site_resume(site);
    return renamed && rl_reader_opened(pool, &image, READER, error) &&
           rl_reader_end(pool, &image, READER, error);
}

/* It is about to open the image, and is not heard of again. */
static bool
begin_to_read(Site *site, const Step *step, GError **error)
{
    g_autofree char *file = clean_name(site, step);
    RlReadImage image = {.volume = step->volume, .file = file};
    RlPool *pool = site_pool(site, error);

    return pool && rl_reader_begin(pool, &image, READER, error);
}

static bool
settle_readers(Site *site, const Step *step, GError **error)
{
    rl_autofd int fd = site_open(site, step->volume, RL_FILE_CLEAN, O_RDONLY, error);

    if (fd >= 0)
        rl_reader_settle(fd, step->volume, 0, NULL);
    return fd >= 0;
}

static bool
unshare_dirty(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);
    g_autoptr(RlVolume) volume = pool ? rl_volume_find(pool, step->volume, error) : NULL;

    return volume && rl_unshare_dirty(volume, error);
}

static bool
require_whole(Site *site, const Step *step, GError **error)
{
    RlPool *pool = site_pool(site, error);

    return pool && rl_content_require_whole(pool, step->volume, error);
}

const Action act_read_at_rest = {"read", read_at_rest, 0},
             act_begin_to_read = {"begin to read", begin_to_read, 0},
             act_settle_readers = {"settle the readers of", settle_readers, 0},
             act_unshare_dirty = {"unshare", unshare_dirty, STEP_NAMES},
             act_require_whole = {"clone the whole of", require_whole, 0};
