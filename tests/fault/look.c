/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "look.h"

#include "common/base/autofd.h"
#include "common/format/image-mark.h"
#include "common/format/image-save.h"
#include "common/fs/dir-iter.h"
#include "common/fs/xattr.h"
#include "common/image/short-path.h"
#include "common/operation/maintenance.h"
#include "common/operation/save.h"
#include "common/pool/scan.h"
#include "common/pool/volume-state.h"
#include "harness/model.h"

#include <string.h>

/* The pool below @work, owned by the caller; NULL where there is none. Operations make it in one of
 * two places. */
static RlPool *
find_pool(const char *work)
{
    static const char *const places[] = {"pool", "pool/in/it"};

    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autofree char *path = g_build_filename(work, places[i], NULL);
        if (rl_pool_has_marker(path))
            return rl_model_pool(path, NULL);
    }
    return NULL;
}

/* The short paths in the pool's directory, a line each; owned by the caller. Where they are the
 * volumes' paths they follow from the images: look_tidy() has them repaired. */
static char *
list_links(const RlPool *pool)
{
    g_autoptr(RlDirIter) entries = rl_dir_iter_open(pool->root, NULL);
    g_autoptr(GString) lines = g_string_new(NULL);
    char target[256];
    const char *entry;

    while (!pool->options->path_links && entries && (entry = rl_dir_iter_next(entries))) {
        ssize_t length = readlinkat(pool->root, entry, target, sizeof(target));
        if (length >= 0)
            g_string_append_printf(lines, "%s leads to %.*s\n", entry, (int) length, target);
    }
    return g_string_free(g_steal_pointer(&lines), FALSE);
}

/* The pool's mark, as a word. A half that others do not take for the whole counts as none. NULL
 * with
 * @error where they contradict each other. */
static const char *
mark_word(const RlPool *pool, GError **error)
{
    g_autofree char *noted = NULL;
    const char *written = pool->options->mark;

    if (!rl_xattr_get(pool->root, RL_ATTR_POOL, &noted, error))
        return NULL;
    if (written && g_strcmp0(written, noted) != 0) {
        rl_fail(error, RL_ERROR_INVALID, "the pool's marker has a mark that its directory lacks");
        return NULL;
    }
    return written ? "marked" : "unmarked";
}

/* The domain whose external snapshot's file is the clean image of the volume, owned by the caller;
 * NULL where it is an image. */
static char *
overlay_of(const RlVolume *volume)
{
    rl_autofd int fd =
        volume->clean.there ? rl_volume_open_image(volume, volume->clean_file, NULL) : -1;
    char *domain = NULL;

    if (fd >= 0)
        rl_xattr_get(fd, RL_ATTR_OVERLAY, &domain, NULL);
    return domain;
}

/* What a saved image notes of its memory is of this save, and of no earlier one: it is "of TAG". */
static bool
check_save(const RlVolume *volume, GError **error)
{
    g_autoptr(RlSave) save = NULL;
    uint64_t tag;
    RlMark hold;

    if (!volume->dirty.there)
        return true;
    rl_autofd int fd = rl_volume_open_image(volume, volume->dirty_file, error);
    if (fd < 0 || !rl_mark_get(fd, &hold, error) || !rl_save_get(fd, &save, error))
        return false;
    if (hold != RL_MARK_SAVED || !save || !save->memory)
        return true;
    if (!rl_model_read(fd, &tag, error))
        return false;
    g_autofree char *wanted = g_strdup_printf("of %" G_GUINT64_FORMAT, tag);
    return strcmp(save->memory, wanted) == 0 ||
           rl_fail(error, RL_ERROR_INVALID, "%s is saved %s, and says that it is saved %s",
                   volume->dirty_file, wanted, save->memory);
}

/* What rl_model_describe() does not tell of the volumes, a line each; owned by the caller. */
static char *
list_notes(const RlPool *pool, GError **error)
{
    g_autoptr(GPtrArray) listed = rl_scan(pool, error);
    g_autoptr(GString) lines = g_string_new(NULL);

    for (guint i = 0; listed && i < listed->len; i++) {
        const RlListed *one = g_ptr_array_index(listed, i);
        g_autoptr(RlVolume) volume = rl_volume_open(pool, one->name, error);
        g_autofree char *domain = volume ? overlay_of(volume) : NULL;
        if (!volume || !check_save(volume, error))
            return NULL;
        if (domain)
            g_string_append_printf(lines, "%s is an overlay of %s\n", one->name, domain);
    }
    return listed ? g_string_free(g_steal_pointer(&lines), FALSE) : NULL;
}

char *
look_state(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = find_pool(work);

    if (!pool)
        return g_strdup("no pool\n");
    g_autofree char *text = rl_model_check(pool, 0, error) ? rl_model_describe(pool, error) : NULL;
    g_autofree char *links = list_links(pool), *notes = text ? list_notes(pool, error) : NULL;
    const char *mark = notes ? mark_word(pool, error) : NULL;
    return mark ? g_strdup_printf("pool keep=%d %s\n%s%s%s", pool->options->keep.newest, mark,
                                  links, notes, text)
                : NULL;
}

/* Adds the volume that the leftover @path tells of. */
static void
add_name(const char *path, GHashTable *names)
{
    g_autofree char *dir = g_path_get_dirname(path), *file = g_path_get_basename(path);
    RlFileName parsed = rl_file_name_parse(file);

    /* Files in the pool's directory are no volume's. */
    if (strchr(path, '/') && parsed.role != RL_FILE_OTHER)
        g_hash_table_add(names, rl_name_join(dir, parsed.leaf));
}

bool
look_tidy(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = find_pool(work);
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) listed = NULL, before = NULL, after = NULL;
    GHashTableIter iter;
    gpointer name;

    if (!pool)
        return true;
    listed = rl_scan(pool, error);
    before = listed ? rl_model_leftovers(pool, error) : NULL;
    if (!before)
        return false;
    for (guint i = 0; i < listed->len; i++)
        g_hash_table_add(names, g_strdup(((RlListed *) g_ptr_array_index(listed, i))->name));
    for (guint i = 0; i < before->len; i++)
        add_name(g_ptr_array_index(before, i), names);
    for (guint i = 0; i < before->len; i++)
        if (rl_pool_is_marker(g_ptr_array_index(before, i)) &&
            !rl_pool_set_options(pool, pool->options, error))
            return false;
    g_hash_table_iter_init(&iter, names);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        if (!rl_volume_maintain(pool, name, true, error))
            return false;
        rl_short_path_tidy(pool, name);
    }
    if (!rl_model_repair_paths(pool, error))
        return false;
    after = rl_model_leftovers(pool, error);
    if (!after)
        return false;
    for (guint i = 0; i < after->len; i++) {
        const char *left = g_ptr_array_index(after, i);
        if (!g_str_has_suffix(left, "/"))
            return rl_fail(error, RL_ERROR_INVALID, "'%s' was not cleared away", left);
    }
    return true;
}

/* Brings the volume to rest, for the domain that has it, or where none has it as a person would;
 * *@ret_resting is false where it is saved. */
static bool
settle(const RlPool *pool, const char *name, bool *ret_resting, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, error);
    g_autoptr(RlImageOwner) run = NULL;
    RlState state;
    RlStop stop;

    if (!volume || !rl_state_get(volume, &state, &run, error))
        return false;
    *ret_resting = state != RL_STATE_SAVED;
    if (state == RL_STATE_STOPPED || state == RL_STATE_SAVED)
        return true;
    /* The second lets go of an overlay, and each of those that follow of another one. */
    for (bool decided = state == RL_STATE_SUSPECT || state == RL_STATE_BELOW; decided;
         decided = state == RL_STATE_BELOW)
        if (!rl_volume_continue(pool, name, error) || !rl_state_get(volume, &state, NULL, error))
            return false;
    RlDomainRef owner = {0};
    if (run)
        owner = (RlDomainRef){.driver = run->driver, .uuid = run->uuid, .name = run->name};
    if (!rl_volume_stop(pool, name, run ? &owner : NULL, &stop, error))
        return false;
    return stop != RL_STOP_HELD || rl_fail(error, RL_ERROR_STATE, "'%s' is held", name);
}

static bool
newest_revision(const RlPool *pool, const char *name, uint64_t *ret_number, uint64_t *ret_tag,
                GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, error);
    g_autoptr(GPtrArray) revisions =
        volume ? rl_revisions_list(volume->dir, volume->name->leaf, error) : NULL;
    const RlRevision *newest = revisions ? rl_revisions_newest(revisions) : NULL;

    *ret_number = *ret_tag = 0;
    if (!newest)
        return revisions != NULL;
    rl_autofd int fd = rl_volume_open_image(volume, newest->file, error);
    *ret_number = newest->number;
    return fd >= 0 && rl_model_read(fd, ret_tag, error);
}

static bool
clean_tag(const RlPool *pool, const char *name, uint64_t *ret_tag, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, error);
    rl_autofd int fd = volume ? rl_volume_open_image(volume, volume->clean_file, error) : -1;

    return fd >= 0 && rl_model_read(fd, ret_tag, error);
}

static bool
use_once(const RlPool *pool, const char *name, RlKind kind, GError **error)
{
    uint64_t tag, number, new_number, new_tag;
    g_autoptr(RlStarted) started = NULL;
    bool committed = kind == RL_KIND_PERSISTENT;
    RlStop stop;

    if (committed && (!clean_tag(pool, name, &tag, error) ||
                      !newest_revision(pool, name, &number, &new_tag, error)))
        return false;
    started = rl_volume_start(pool, name, &bob, 0, error);
    if (!started || !rl_model_fill(pool, name, 77, error) ||
        !rl_volume_stop(pool, name, &bob, &stop, error))
        return false;
    if (!committed)
        return true;
    if (stop != RL_STOP_COMMITTED)
        return rl_fail(error, RL_ERROR_STATE, "a run of '%s' was not committed: %d", name, stop);
    if (!newest_revision(pool, name, &new_number, &new_tag, error))
        return false;
    /* A commit that was cut off has linked the revision already. */
    if (new_number < number || new_tag != tag)
        return rl_fail(error, RL_ERROR_INVALID,
                       "'%s' had %" G_GUINT64_FORMAT " for its state, and after a commit revision "
                       "%" G_GUINT64_FORMAT " is %" G_GUINT64_FORMAT,
                       name, tag, new_number, new_tag);
    return true;
}

/* An external snapshot's file is no volume, and stays as it is. */
static bool
is_left_alone(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(RlStarted) started = rl_volume_start(pool, name, &bob, 0, &cause);
    uint64_t tag;

    return (!started && g_error_matches(cause, RL_ERROR, RL_ERROR_INVALID) &&
            clean_tag(pool, name, &tag, NULL)) ||
           rl_fail(error, RL_ERROR_INVALID, "the overlay '%s' is taken for a volume", name);
}

static bool
use_volume(const RlPool *pool, const RlListed *one, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, one->name, error);
    g_autofree char *overlay = volume ? overlay_of(volume) : NULL;
    bool resting;

    if (!volume)
        return false;
    if (overlay)
        return is_left_alone(pool, one->name, error);
    return settle(pool, one->name, &resting, error) &&
           (!resting || use_once(pool, one->name,
                                 one->recorded ? one->recorded->kind : RL_KIND_PERSISTENT, error));
}

bool
look_use(const char *work, GError **error)
{
    g_autoptr(RlPool) pool = find_pool(work);
    g_autoptr(GPtrArray) listed = pool ? rl_scan(pool, error) : NULL;

    if (!pool)
        return true;
    for (guint i = 0; listed && i < listed->len; i++) {
        const RlListed *one = g_ptr_array_index(listed, i);
        if (one->exists && !use_volume(pool, one, error)) {
            g_prefix_error(error, "using '%s': ", one->name);
            return false;
        }
    }
    return listed && rl_model_check(pool, 0, error);
}

/* --- texts */

static char *
join(GPtrArray *lines)
{
    g_ptr_array_add(lines, NULL);
    return g_strjoinv("\n", (char **) lines->pdata);
}

char *
look_without_links(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autoptr(GPtrArray) kept = g_ptr_array_new();

    for (char **line = lines; *line; line++)
        if (!g_str_has_suffix(*line, " is-clean"))
            g_ptr_array_add(kept, *line);
    return join(kept);
}

static char *
replace_words(const char *text, const char *const *pairs)
{
    g_autoptr(GString) out = g_string_new(text);

    for (; *pairs; pairs += 2)
        g_string_replace(out, pairs[0], pairs[1], 0);
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static char *
replace_pattern(const char *text, const char *pattern, const char *by)
{
    g_autoptr(GRegex) regex = g_regex_new(pattern, G_REGEX_MULTILINE, 0, NULL);

    return g_regex_replace_literal(regex, text, -1, 0, by, 0, NULL);
}

char *
look_unnumbered(const char *text)
{
    return replace_pattern(text, "@[0-9]+ ", "@ ");
}

char *
look_volumes(const char *text)
{
    return replace_pattern(text, "^[^ ]*@.*\n", "");
}

char *
look_kindless(const char *text)
{
    static const char *const pairs[] = {" persistent ", " ", " direct ", " ", NULL};

    return replace_words(text, pairs);
}

char *
look_left(const char *text)
{
    static const char *const pairs[] = {" running ",  " leftover ", " overlaid ", " leftover ",
                                        " restored ", " kept ",     NULL};

    return replace_words(text, pairs);
}

char *
look_suspect(const char *text)
{
    static const char *const pairs[] = {" running ",  " suspect ", " leftover ", " suspect ",
                                        " overlaid ", " suspect ", " saved ",    " suspect ",
                                        " kept ",     " ",         " restored ", " ",
                                        " arriving ", " ",         NULL};

    return replace_words(text, pairs);
}

/* @line, of a volume with a dirty image, as it is without. */
static char *
without_dirty(const char *line)
{
    g_autofree char *stopped = replace_pattern(
        line, " (leftover|overlaid|running|saved|suspect)( kept| restored| arriving)? ",
        " stopped ");

    return replace_pattern(stopped, "dirty=[^ ]*", "dirty=none");
}

static bool
has_line(GStrv lines, const char *wanted)
{
    return g_strv_contains((const char *const *) lines, wanted);
}

bool
look_is_part(const char *text, const char *before, const char *after)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1), old = g_strsplit(before, "\n", -1),
                  new = g_strsplit(after, "\n", -1);
    g_autoptr(GPtrArray) stopped = g_ptr_array_new_with_free_func(g_free);

    for (char **line = old; *line; line++) {
        g_ptr_array_add(stopped, without_dirty(*line));
        if (has_line(new, *line) && !has_line(lines, *line))
            return false;
    }
    g_ptr_array_add(stopped, NULL);
    for (char **line = lines; *line; line++)
        if (!has_line(old, *line) && !has_line(new, *line) &&
            !has_line((GStrv) stopped->pdata, *line))
            return false;
    return true;
}
