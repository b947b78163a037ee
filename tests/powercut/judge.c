/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "judge.h"

#include "harness/model.h"

#include "common/base/autofd.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct Judge {
    const Told *told;
    GHashTable *contents; /* GByteArray by TAG/SIZE */
};

Judge *
judge_new(const Told *told)
{
    Judge *judge = g_new0(Judge, 1);

    judge->told = told;
    judge->contents =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_byte_array_unref);
    return judge;
}

void
judge_free(Judge *judge)
{
    if (!judge)
        return;
    g_hash_table_unref(judge->contents);
    g_free(judge);
}

/* --- Names */

static bool
has_revision(const Look *look, const char *line)
{
    return g_ptr_array_find_with_equal_func(look->revisions, line, g_str_equal, NULL);
}

/* A revision of stage @i may be missing if a later step was removing it. */
static bool
may_be_gone(const GArray *stages, guint i, const char *line)
{
    for (guint j = i + 1; j < stages->len; j++) {
        const Stage *later = told_stage(stages, j);
        if ((later->flags & STEP_DROPS) && !has_revision(later->look, line))
            return true;
    }
    return false;
}

/* A renaming links the revisions to their new names first, and drops the old ones last. */
static bool
is_being_renamed(const GArray *stages, guint i, const char *line)
{
    for (guint j = i; j < stages->len; j++) {
        const Stage *stage = told_stage(stages, j);
        if ((stage->flags & STEP_MOVES) &&
            (has_revision(stage->look, line) ||
             (j > 0 && has_revision(told_stage(stages, j - 1)->look, line))))
            return true;
    }
    return false;
}

static bool
revisions_match(const Look *found, const GArray *stages, guint i)
{
    const Look *look = told_stage(stages, i)->look;
    const Look *before = i ? told_stage(stages, i - 1)->look : look;

    for (guint j = 0; j < look->revisions->len; j++) {
        const char *line = g_ptr_array_index(look->revisions, j);
        if (!has_revision(found, line) && !may_be_gone(stages, i, line))
            return false;
    }
    for (guint j = 0; j < found->revisions->len; j++) {
        const char *line = g_ptr_array_index(found->revisions, j);
        /* A deletion drops them before what makes the volume. */
        bool not_yet_gone = (told_stage(stages, i)->flags & STEP_DROPS) &&
                            has_revision(before, line) && look->there;
        if (!has_revision(look, line) && !not_yet_gone && !is_being_renamed(stages, i, line))
            return false;
    }
    return true;
}

/* No image that is there says anything else than that half of it has come. */
static bool
are_halves(const GArray *stages)
{
    bool some = false;

    for (guint i = 0; i < stages->len; i++) {
        const Look *look = told_stage(stages, i)->look;
        if (look->dirty_tag && !g_str_has_suffix(look->state, " arriving"))
            return false;
        some = some || look->dirty_tag;
    }
    return some;
}

/* While something is under way the marks may be any of those on the way; a commit takes them off
 * first. */
static bool
state_matches(const Look *found, const GArray *stages)
{
    if (stages->len > 1 && strcmp(found->state, "leftover") == 0 && !are_halves(stages))
        return true;
    for (guint i = 0; i < stages->len; i++)
        if (g_strcmp0(found->state, told_stage(stages, i)->look->state) == 0)
            return true;
    return false;
}

/* A deletion takes the dirty image before the clean one. */
static bool
is_half_deleted(const Look *found, const GArray *stages, guint i)
{
    return i + 1 < stages->len && !told_stage(stages, i + 1)->look->there && !found->dirty_tag &&
           strcmp(found->state, "stopped") == 0;
}

/* All but the content of the dirty image. */
static bool
look_matches(const Look *found, const GArray *stages, guint i)
{
    const Look *look = told_stage(stages, i)->look;

    if (found->there != look->there || !revisions_match(found, stages, i))
        return false;
    if (!found->there)
        return true;
    if (strcmp(found->kind, look->kind) != 0 || g_strcmp0(found->clean, look->clean) != 0)
        return false;
    if (is_half_deleted(found, stages, i))
        return true;
    return !found->dirty_tag == !look->dirty_tag &&
           g_strcmp0(found->dirty_size, look->dirty_size) == 0 &&
           g_strcmp0(found->size, look->size) == 0 && state_matches(found, stages);
}

static bool
fail_look(const char *volume, const Look *found, const GArray *stages, GError **error)
{
    g_autofree char *is = look_to_string(found);
    g_autoptr(GString) may_be = g_string_new(NULL);

    for (guint i = 0; i < stages->len; i++) {
        g_autofree char *one = look_to_string(told_stage(stages, i)->look);
        g_string_append_printf(may_be, "\n  may be  %s", one);
    }
    return rl_fail(error, RL_ERROR_INVALID, "volume '%s' is lost:\n  is      %s%s", volume, is,
                   may_be->str);
}

/* --- What guests wrote */

/* Bytes of an image of the state @tag that had @size bytes when it was written; owned by @judge. */
static const GByteArray *
need_content(const Judge *judge, const char *tag, uint64_t size)
{
    g_autofree char *key = g_strdup_printf("%s/%" G_GUINT64_FORMAT, tag, size);
    GByteArray *bytes = g_hash_table_lookup(judge->contents, key);
    rl_autofd int fd = bytes ? -1 : memfd_create("content", MFD_CLOEXEC);
    GError *error = NULL;

    if (bytes)
        return bytes;
    bytes = g_byte_array_new();
    g_byte_array_set_size(bytes, (guint) size);
    rl_model_write(fd, size, g_ascii_strtoull(tag, NULL, 10), &error);
    g_assert_no_error(error);
    g_assert_cmpint(pread(fd, bytes->data, size, 0), ==, (gssize) size);
    g_hash_table_insert(judge->contents, g_steal_pointer(&key), bytes);
    return bytes;
}

/* An image may have been resized since it was written: then it is as it was, cut or with zeros. */
static bool
is_block_of(const Judge *judge, const char *tag, const char *block, off_t at)
{
    static const char zeros[RL_MODEL_BLOCK];

    const GArray *sizes = told_sizes(judge->told);

    for (guint i = 0; i < sizes->len; i++) {
        uint64_t size = g_array_index(sizes, uint64_t, i);
        const void *wanted =
            (uint64_t) at < size ? need_content(judge, tag, size)->data + at : (void *) zeros;
        if (memcmp(wanted, block, RL_MODEL_BLOCK) == 0)
            return true;
    }
    return false;
}

/* Each block is of one of the stages. */
static bool
content_matches(const Judge *judge, int fd, const GArray *stages, off_t *ret_at)
{
    char block[RL_MODEL_BLOCK];

    for (off_t at = 0;; at += RL_MODEL_BLOCK) {
        bool known = false;
        memset(block, 0, sizeof(block));
        if (pread(fd, block, sizeof(block), at) <= 0)
            return true;
        for (guint i = 0; i < stages->len && !known; i++) {
            const char *tag = told_stage(stages, i)->look->dirty_tag;
            known = tag && is_block_of(judge, tag, block, at);
        }
        *ret_at = at;
        if (!known)
            return false;
    }
}

static bool
judge_dirty(const Judge *judge, guint epoch, const char *volume, const Look *found,
            const RlPool *pool, GError **error)
{
    g_autoptr(GArray) stages = told_stages(judge->told, epoch, volume, STEP_DATA);
    g_autoptr(RlVolume) there = rl_volume_find(pool, volume, error);
    rl_autofd int fd = there ? rl_volume_open_image(there, there->dirty_file, error) : -1;
    g_autoptr(GString) may_be = g_string_new(NULL);
    off_t at;

    if (fd < 0)
        return false;
    if (content_matches(judge, fd, stages, &at))
        return true;
    for (guint i = 0; i < stages->len; i++) {
        const char *tag = told_stage(stages, i)->look->dirty_tag;
        g_string_append_printf(may_be, " %s", tag ? tag : "none");
    }
    return rl_fail(error, RL_ERROR_INVALID,
                   "volume '%s': its dirty image is %s, and the block at %lld is of none of%s",
                   volume, found->dirty_tag, (long long) at, may_be->str);
}

static bool
judge_volume(const Judge *judge, guint epoch, const char *volume, const Look *found,
             const RlPool *pool, GError **error)
{
    g_autoptr(GArray) stages = told_stages(judge->told, epoch, volume, STEP_NAMES);

    /* A revision that is the clean image is a step that was cut off. */
    if (found->linked && stages->len < 2)
        return fail_look(volume, found, stages, error);
    for (guint i = 0; i < stages->len; i++)
        if (look_matches(found, stages, i))
            return !found->dirty_tag || judge_dirty(judge, epoch, volume, found, pool, error);
    return fail_look(volume, found, stages, error);
}

bool
judge_pool(const Judge *judge, guint epoch, const char *path, GError **error)
{
    g_autoptr(GPtrArray) volumes = told_volumes(judge->told, epoch);
    g_autoptr(GError) cause = NULL;
    g_autoptr(RlPool) pool = rl_model_pool(path, &cause);

    if (!pool && !told_has_pool(judge->told, epoch))
        return true;
    g_autofree char *text = pool ? story_describe(pool, &cause) : NULL;
    RlModelFlags flags =
        RL_MODEL_GUEST_CUT | (told_is_renaming(judge->told, epoch) ? RL_MODEL_MOVE_CUT : 0);
    if (!text || !rl_model_check(pool, flags, &cause)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        g_prefix_error(error, "%s", text ? text : "");
        return false;
    }

    g_autoptr(GHashTable) found = looks_read(text);
    for (guint i = 0; i < volumes->len; i++) {
        const char *volume = g_ptr_array_index(volumes, i);
        if (!judge_volume(judge, epoch, volume, looks_find(found, volume), pool, error))
            return false;
        g_hash_table_remove(found, volume);
    }
    if (g_hash_table_size(found) > 0)
        return rl_fail(error, RL_ERROR_INVALID, "there is a volume that nobody has made:\n%s",
                       text);
    return rl_model_repair_paths(pool, error);
}
