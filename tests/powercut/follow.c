/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "follow.h"

#include "harness/model.h"

#include "common/operation/arrival.h"
#include "common/operation/delete.h"
#include "common/operation/maintenance.h"
#include "common/operation/rename.h"
#include "common/operation/save.h"
#include "common/operation/start.h"
#include "common/operation/stop.h"
#include "common/pool/opened-image.h"
#include "common/pool/volume-state.h"

#include <string.h>

#define TAG 999
#define SIZE (16 * KIB)

/* It is saved: another domain's start is refused, and the restore of its own is not. */
static bool
restore(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(GError) refusal = NULL;
    g_autoptr(RlStarted) stolen = rl_volume_start(pool, name, &bob, 0, &refusal);

    if (stolen || !g_error_matches(refusal, RL_ERROR, RL_ERROR_STATE))
        return rl_fail(error, RL_ERROR_INVALID, "'%s' is saved, and another domain's start is %s",
                       name, stolen ? "let through" : refusal->message);
    if (!rl_volume_announce_restore(pool, name, &alice, error))
        return false;
    g_autoptr(RlStarted) started = rl_volume_start(pool, name, &alice, RL_START_RESTORED, error);
    return started != NULL;
}

static bool
start(const RlPool *pool, const char *name, const RlDomainRef *owner, RlStartFlags flags,
      GError **error)
{
    g_autoptr(RlStarted) started = rl_volume_start(pool, name, owner, flags, error);

    return started != NULL;
}

/* Half of it has come by a migration: no start goes on with that, another migration does. */
static bool
arrive(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(GError) refusal = NULL;

    if (start(pool, name, &alice, 0, &refusal) ||
        !g_error_matches(refusal, RL_ERROR, RL_ERROR_STATE))
        return rl_fail(error, RL_ERROR_INVALID, "'%s' came half, and a start of it is %s", name,
                       refusal ? refusal->message : "let through");
    return start(pool, name, &alice, RL_START_ARRIVING, error);
}

static bool
is_half(const RlVolume *volume)
{
    g_auto(RlDirtyImage) image = {.fd = -1};

    return rl_dirty_image_open(volume, &image, NULL) && image.fd >= 0 &&
           rl_state_is_half(volume, image.run);
}

static bool
begin(const RlPool *pool, const RlVolume *volume, RlState state, GError **error)
{
    const char *name = volume->name->volume;

    if (state == RL_STATE_SAVED)
        return restore(pool, name, error);
    return is_half(volume) ? arrive(pool, name, error) : start(pool, name, &bob, 0, error);
}

static bool
run(const RlPool *pool, const RlVolume *volume, GError **error)
{
    static const RlStop wanted[] = {[RL_KIND_PERSISTENT] = RL_STOP_COMMITTED,
                                    [RL_KIND_SNAPSHOT] = RL_STOP_DROPPED,
                                    [RL_KIND_VOLATILE] = RL_STOP_DROPPED,
                                    [RL_KIND_DIRECT] = RL_STOP_RETURNED};
    const char *name = volume->name->volume;
    RlState state;
    RlStop done;

    if (!rl_state_get(volume, &state, NULL, error))
        return false;
    const RlDomainRef *owner = state == RL_STATE_SAVED || is_half(volume) ? &alice : &bob;
    if (!begin(pool, volume, state, error) || !rl_model_fill(pool, name, TAG, error) ||
        !rl_volume_arrived(pool, name, owner, error) ||
        !rl_volume_stop(pool, name, owner, &done, error) ||
        !rl_volume_maintain(pool, name, true, error))
        return false;
    return done == wanted[volume->kind] ||
           rl_fail(error, RL_ERROR_INVALID, "the stop of '%s' came to %d", name, (int) done);
}

/* There is no volume, but perhaps parts of one: they do not hinder whoever makes it anew. */
static bool
make_and_delete(const RlPool *pool, const char *name, GError **error)
{
    return rl_volume_maintain(pool, name, false, error) &&
           rl_model_create(pool->path, name, RL_KIND_PERSISTENT, NULL, TAG, SIZE, error) &&
           rl_volume_delete(pool, name, RL_DELETE_USED, error) &&
           rl_volume_maintain(pool, name, false, error);
}

static bool
follow_volume(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, error);

    if (!volume)
        return false;
    return rl_volume_exists(volume) ? run(pool, volume, error) : make_and_delete(pool, name, error);
}

/* All volumes are at rest, with what their last guest wrote. */
static bool
is_at_rest(const RlPool *pool, GError **error)
{
    g_autofree char *text = rl_model_describe(pool, error);
    g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;

    for (char **line = lines; line && *line; line++) {
        bool is_volume = strstr(*line, " size=") != NULL;
        bool has_content = is_volume && !strstr(*line, "clean=none");
        if ((is_volume && !strstr(*line, " stopped ")) ||
            (has_content && !strstr(*line, " clean=" G_STRINGIFY(TAG) "/")) ||
            g_str_has_suffix(*line, " is-clean"))
            return rl_fail(error, RL_ERROR_INVALID, "after the next run:\n%s", text);
    }
    return text != NULL;
}

/* What a cut-off change of the pool's options leaves stays until the pool is deleted, as
 * common/operation/pool-build.c has it; it sorts before all volumes. */
static bool
is_tidy(const RlPool *pool, GError **error)
{
    g_autoptr(GPtrArray) leftovers = rl_model_leftovers(pool, error);

    if (!leftovers)
        return false;
    while (leftovers->len && g_str_has_prefix(g_ptr_array_index(leftovers, 0), RL_POOL_MARKER "~"))
        g_ptr_array_remove_index(leftovers, 0);
    return !leftovers->len ||
           rl_fail(error, RL_ERROR_INVALID, "%u files are left behind after the next run: %s, ...",
                   leftovers->len, (const char *) g_ptr_array_index(leftovers, 0));
}

/* Numbers are never given twice. */
static bool
has_new_number(const Told *told, guint epoch, const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, error);
    uint64_t before = told_highest(told, epoch, name);

    if (!volume || !volume->clean.there || volume->kind != RL_KIND_PERSISTENT)
        return volume != NULL;
    g_autoptr(GPtrArray) revisions = rl_revisions_list(volume->dir, volume->name->leaf, error);
    const RlRevision *newest = revisions ? rl_revisions_newest(revisions) : NULL;
    return newest && (newest->number > before ||
                      rl_fail(error, RL_ERROR_INVALID,
                              "the next commit of '%s' made revision %" G_GUINT64_FORMAT
                              ", and there was a revision %" G_GUINT64_FORMAT,
                              name, newest->number, before));
}

/* The administrator whose command was cut off types it again. */
static bool
rename_again(const RlPool *pool, const GPtrArray *volumes, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (!g_ptr_array_find_with_equal_func((GPtrArray *) volumes, STORY_NEW_NAME, g_str_equal,
                                          NULL) ||
        rl_volume_rename_to(pool, STORY_OLD_NAME, STORY_NEW_NAME, &cause) ||
        g_error_matches(cause, RL_ERROR, RL_ERROR_NOT_FOUND))
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

bool
follow_on(const Told *told, guint epoch, const char *path, GError **error)
{
    if (!rl_pool_has_marker(path))
        return rl_model_build(path, 2, error);
    g_autoptr(RlPool) pool = rl_model_pool(path, error);
    g_autoptr(GPtrArray) volumes = told_volumes(told, epoch);

    if (!pool || !rename_again(pool, volumes, error))
        return false;
    for (guint i = 0; i < volumes->len; i++) {
        const char *name = g_ptr_array_index(volumes, i);
        if (strcmp(name, STORY_POOL_NAME) == 0)
            continue;
        if (!follow_volume(pool, name, error) || !has_new_number(told, epoch, pool, name, error))
            return false;
    }
    return is_at_rest(pool, error) && is_tidy(pool, error) && rl_model_check(pool, 0, error);
}
