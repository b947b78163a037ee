/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model.h"

#include "common/base/autofd.h"
#include "common/format/image-mark.h"
#include "common/fs/inode.h"
#include "common/pool/scan.h"
#include "common/pool/volume-state.h"
#include "common/pool/volume.h"

#include <fcntl.h>

/* "TAG/BYTES" of the file @name. */
static char *
image_word(int dir, const char *name, const struct stat *st)
{
    rl_autofd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    uint64_t tag;

    if (fd < 0)
        return g_strdup("unreadable");
    if (!rl_model_read(fd, &tag, NULL))
        return g_strdup_printf("torn/%lld", (long long) st->st_size);
    return g_strdup_printf("%" G_GUINT64_FORMAT "/%lld", tag, (long long) st->st_size);
}

/* The word of a hold or run that rl_state_get() does not tell, with a space before it. */
static const char *
hold_word(const RlVolume *volume)
{
    g_autoptr(RlImageOwner) run = NULL;
    RlMark hold = RL_MARK_NONE;

    if (!volume->dirty.there)
        return "";
    rl_autofd int fd = rl_volume_open_image(volume, volume->dirty_file, NULL);
    if (fd < 0 || !rl_mark_get(fd, &hold, NULL) || !rl_image_owner_get(fd, &run, NULL))
        return " unreadable";
    if (run && run->arriving)
        return " arriving";
    return rl_mark_is_kept(hold) ? " kept" : hold == RL_MARK_RESTORED ? " restored" : "";
}

static bool
add_volume(const RlVolume *volume, GPtrArray *lines, GError **error)
{
    g_autofree char *clean = volume->clean.there
                                 ? image_word(volume->dir, volume->clean_file, &volume->clean.st)
                                 : g_strdup("none");
    g_autofree char *dirty = volume->dirty.there
                                 ? image_word(volume->dir, volume->dirty_file, &volume->dirty.st)
                                 : g_strdup("none");
    uint64_t capacity;
    RlState state;

    if (!rl_state_get(volume, &state, NULL, error) || !rl_volume_capacity(volume, &capacity, error))
        return false;
    g_ptr_array_add(lines,
                    g_strdup_printf("%s %s %s%s size=%" G_GUINT64_FORMAT " clean=%s dirty=%s",
                                    volume->name->volume, rl_kind_to_string(volume->kind),
                                    rl_state_to_string(state), hold_word(volume), capacity, clean,
                                    dirty));
    return true;
}

static void
add_revisions(const RlVolume *volume, const GPtrArray *revisions, GPtrArray *lines)
{
    for (guint i = 0; i < revisions->len; i++) {
        const RlRevision *revision = g_ptr_array_index(revisions, i);
        g_autofree char *name = rl_revision_name(revision, volume->name->volume);
        g_autofree char *image = image_word(volume->dir, revision->file, &revision->st);
        bool is_clean = volume->clean.there && rl_stat_same(&volume->clean.st, &revision->st);
        g_ptr_array_add(lines, g_strconcat(name, " ", image, is_clean ? " is-clean" : "", NULL));
    }
}

static gint
compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

char *
rl_model_describe(const RlPool *pool, GError **error)
{
    g_autoptr(GPtrArray) listed = rl_scan(pool, error);
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; listed && i < listed->len; i++) {
        const RlListed *one = g_ptr_array_index(listed, i);
        g_autoptr(RlVolume) volume = rl_volume_open(pool, one->name, error);
        if (!volume || (rl_volume_exists(volume) && !add_volume(volume, lines, error)))
            return NULL;
        add_revisions(volume, one->revisions, lines);
    }
    if (!listed)
        return NULL;
    g_ptr_array_sort(lines, compare);
    g_ptr_array_add(lines, NULL);
    g_autofree char *text = g_strjoinv("\n", (char **) lines->pdata);
    return g_strconcat(text, *text ? "\n" : "", NULL);
}
