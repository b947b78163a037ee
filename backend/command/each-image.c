/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "each-image.h"

#include <errno.h>
#include <string.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/fs/settle-frees.h"
#include "common/pool/scan.h"

char *
rl_shown_image_name(const RlShownImage *image)
{
    const char *volume = image->volume->name->volume;

    if (image->revision)
        return rl_revision_name(image->revision, volume);
    return strcmp(image->role, "clean") == 0 ? g_strdup(volume)
                                             : g_strdup_printf("%s (%s)", volume, image->role);
}

void
rl_shown_image_json(RlJson *json, const RlShownImage *image)
{
    const RlVolume *volume = image->volume;
    g_autofree char *path =
        g_build_filename(volume->pool->path, volume->name->dir, image->file, NULL);

    rl_json_string(json, "volume", volume->name->volume);
    rl_json_string(json, "image", image->role);
    if (image->revision && image->revision->label)
        rl_json_string(json, "label", image->revision->label);
    else if (image->revision)
        rl_json_number(json, "number", image->revision->number);
    rl_json_string(json, "path", path);
    rl_json_number(json, "size", (uint64_t) image->st->st_size);
}

static void
report(uint64_t at, uint64_t size, uint64_t moved, void *data)
{
    const RlEachImage *each = data;

    (void) size, (void) moved;
    if (each->progress.report)
        each->progress.report(each->done + at, each->size, each->done + at, each->progress.data);
}

static bool
call_for(RlEachImage *each, const RlShownImage *image, GError **error)
{
    const RlProgress progress = {.report = report, .data = each};
    g_autoptr(GError) cause = NULL;
    rl_autofd int fd = rl_volume_open_image(image->volume, image->file, &cause);

    if (fd < 0 && rl_error_is_errno(cause, ENOENT))
        return true;
    if (fd >= 0 && each->function(image, fd, &progress, each->data, &cause)) {
        each->done += (uint64_t) image->st->st_size;
        return true;
    }
    g_propagate_error(error, g_steal_pointer(&cause));
    rl_error_about(error, "volume", image->volume->name->volume);
    return false;
}

static bool
call_for_present(RlEachImage *each, const RlVolume *volume, GError **error)
{
    const struct {
        const char *role, *file;
        const RlImage *image;
        bool wanted;
    } images[] = {
        {"clean", volume->clean_file, &volume->clean, true},
        {"dirty", volume->dirty_file, &volume->dirty, true},
        {"precache", volume->precache_file, &volume->precache, each->precaches},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(images); i++) {
        const RlShownImage image = {volume, images[i].role, NULL, images[i].file,
                                    &images[i].image->st};
        if (images[i].wanted && images[i].image->there && !call_for(each, &image, error))
            return false;
    }
    return true;
}

static bool
call_for_volume(RlEachImage *each, const RlPool *pool, const RlListed *listed, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, listed->name, error);

    if (!volume || !call_for_present(each, volume, error))
        return false;
    for (guint i = 0; each->revisions && i < listed->revisions->len; i++) {
        const RlRevision *revision = g_ptr_array_index(listed->revisions, i);
        const RlShownImage image = {volume, "revision", revision, revision->file, &revision->st};
        if (!call_for(each, &image, error))
            return false;
    }
    return true;
}

static bool
is_wanted(const RlEachImage *each, const RlListed *listed)
{
    return !each->volume || strcmp(listed->name, each->volume) == 0;
}

/* A precache is as large as the clean image, if there is one. */
static uint64_t
sizes_of(const RlEachImage *each, const RlListed *listed)
{
    uint64_t size = 0;

    if (listed->clean.there)
        size += (uint64_t) listed->clean.st.st_size * (each->precaches ? 2 : 1);
    if (listed->dirty.there)
        size += (uint64_t) listed->dirty.st.st_size;
    for (guint i = 0; each->revisions && i < listed->revisions->len; i++)
        size +=
            (uint64_t) ((const RlRevision *) g_ptr_array_index(listed->revisions, i))->st.st_size;
    return size;
}

bool
rl_each_image(const RlPool *pool, RlEachImage *each, GError **error)
{
    g_autoptr(GPtrArray) all = rl_scan(pool, error);
    bool found = !each->volume;

    rl_settle_frees(pool->root);
    for (guint i = 0; all && i < all->len; i++) {
        const RlListed *listed = g_ptr_array_index(all, i);
        found = found || is_wanted(each, listed);
        if (is_wanted(each, listed))
            each->size += sizes_of(each, listed);
    }
    for (guint i = 0; all && i < all->len; i++) {
        const RlListed *listed = g_ptr_array_index(all, i);
        if (is_wanted(each, listed) && !call_for_volume(each, pool, listed, error))
            return false;
    }
    if (all && !found)
        return rl_fail(error, RL_ERROR_NOT_FOUND, "there is no volume '%s' in pool '%s'",
                       each->volume, pool->path);
    return all != NULL;
}
