/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "revision-changes.h"

#include "backend/cli/progress-bar.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/fs/changes.h"
#include "common/image/content.h"

typedef struct {
    const RlVolume *volume;
    RlProgress shown;
    uint64_t all,
        done; /* bytes of the images that are compared: of all, of those before this one */
} Comparing;

static uint64_t
size_of(const RlRevision *revision)
{
    return (uint64_t) revision->st.st_size;
}

static gint
by_state(gconstpointer a, gconstpointer b)
{
    const struct timespec *left = &(*(RlRevision *const *) a)->st.st_mtim;
    const struct timespec *right = &(*(RlRevision *const *) b)->st.st_mtim;

    if (left->tv_sec != right->tv_sec)
        return left->tv_sec < right->tv_sec ? -1 : 1;
    return (left->tv_nsec > right->tv_nsec) - (left->tv_nsec < right->tv_nsec);
}

/* Borrows them; owned by the caller. g_ptr_array_sort() keeps the order of equal ones. */
static GPtrArray *
sort_by_state(const GPtrArray *revisions)
{
    GPtrArray *sorted = g_ptr_array_new();

    for (guint i = 0; i < revisions->len; i++)
        g_ptr_array_add(sorted, g_ptr_array_index(revisions, i));
    g_ptr_array_sort(sorted, by_state);
    return sorted;
}

static void
report(uint64_t at, uint64_t size, uint64_t moved, void *data)
{
    const Comparing *comparing = data;
    uint64_t done = comparing->done + at;

    (void) size;
    (void) moved;
    if (comparing->shown.report)
        comparing->shown.report(done, comparing->all, done, comparing->shown.data);
}

/* -1 without @error for one that is gone. */
static int
open_revision(const RlVolume *volume, const RlRevision *revision, GError **error)
{
    g_autofree char *name = rl_revision_name(revision, volume->name->volume);
    g_autoptr(GError) cause = NULL;
    int fd = rl_content_open(volume->pool, name, false, &cause);

    if (cause && !g_error_matches(cause, RL_ERROR, RL_ERROR_NOT_FOUND))
        g_propagate_error(error, g_steal_pointer(&cause));
    return fd;
}

static bool
compare(Comparing *comparing, const RlRevision *before, const RlRevision *revision,
        RlChanged *ret_changed, GError **error)
{
    GError *cause = NULL;
    rl_autofd int from = open_revision(comparing->volume, before, &cause);
    rl_autofd int to = from < 0 ? -1 : open_revision(comparing->volume, revision, &cause);
    const RlChangesWish wish = {.range = rl_changes_add_up,
                                .data = &ret_changed->bytes,
                                .progress = {.report = report, .data = comparing}};

    if (to >= 0 && rl_changes_find(from, to, &wish, &ret_changed->exact, &cause))
        ret_changed->before = before;
    comparing->done += size_of(revision);
    if (cause)
        g_propagate_error(error, cause);
    return !cause;
}

static RlChanged *
changed_of(const GArray *changes, const GPtrArray *revisions, const RlRevision *revision)
{
    guint index = 0;

    g_ptr_array_find((GPtrArray *) revisions, revision, &index);
    return &g_array_index(changes, RlChanged, index);
}

GArray *
rl_revision_changes(const RlCall *call, const RlVolume *volume, const GPtrArray *revisions,
                    GError **error)
{
    g_autoptr(GArray) changes = g_array_sized_new(FALSE, TRUE, sizeof(RlChanged), revisions->len);
    g_autoptr(GPtrArray) sorted = sort_by_state(revisions);
    RlProgressBar bar;
    Comparing comparing = {.volume = volume, .shown = rl_progress_bar_begin(&bar, call)};
    bool done = true;

    g_array_set_size(changes, revisions->len);
    for (guint i = 1; i < sorted->len; i++)
        comparing.all += size_of(g_ptr_array_index(sorted, i));
    for (guint i = 1; done && i < sorted->len; i++) {
        const RlRevision *revision = g_ptr_array_index(sorted, i);
        done = compare(&comparing, g_ptr_array_index(sorted, i - 1), revision,
                       changed_of(changes, revisions, revision), error);
    }
    rl_progress_bar_end(&bar);
    return done ? g_steal_pointer(&changes) : NULL;
}
