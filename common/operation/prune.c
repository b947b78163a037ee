/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "prune.h"

#include <errno.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/highest-note.h"
#include "common/fs/inode.h"
#include "common/fs/lease.h"
#include "common/fs/xattr.h"
#include "common/image/temporary-files.h"

/* Does a domain's disk need it? A doubt keeps it. */
static bool
is_layer(const RlVolume *volume, const char *file)
{
    g_autofree char *value = NULL;

    return !rl_xattr_get_at(volume->dir, file, RL_ATTR_LAYER, &value, NULL) || value;
}

/* Does a revision have a higher number than any that was given? An administrator has put it there,
 * and by their numbers those of now would be the oldest ones. Then the next number is higher. A
 * crash before that leaves it to the next commit's pruning. */
static bool
find_put_back(const RlVolume *volume, const RlRevision *newest, bool dry_run, bool *ret_found,
              GError **error)
{
    uint64_t highest;
    bool sure;

    *ret_found = false;
    /* The clean image itself: a commit is under way, or was cut off. */
    if (!newest || !volume->clean.there || rl_stat_same(&newest->st, &volume->clean.st))
        return true;
    rl_autofd int fd = rl_volume_open_image(volume, volume->clean_file, error);
    if (fd < 0 || !rl_highest_get(fd, &highest, &sure, error))
        return false;
    /* Without a note the commit has looked at the names. */
    *ret_found = highest > 0 && newest->number > highest;
    if (!*ret_found || dry_run)
        return true;
    rl_log_warning("volume '%s': revision %" G_GUINT64_FORMAT
                   " has a higher number than is recorded for "
                   "the volume, as after a restore from a backup: this time no revision is removed",
                   volume->name->volume, newest->number);
    return rl_highest_set(fd, newest->number, error) &&
           (fsync(fd) == 0 ||
            rl_fail_errno(error, errno,
                          "volume '%s': cannot record the number of its newest revision",
                          volume->name->volume));
}

/* May it go, but for its number? One that a process has open, to read it as well, is kept until the
 * next time: libvirt's daemon ends a domain that runs, when it is started again, if it finds a disk
 * of it no more. */
static bool
is_unused(const RlVolume *volume, const RlRevision *revision)
{
    return !rl_lease_has_opener_at(volume->dir, revision->file) &&
           !is_layer(volume, revision->file);
}

static bool
is_before(const struct stat *st, gint64 when_us)
{
    return st->st_ctim.tv_sec * G_USEC_PER_SEC + st->st_ctim.tv_nsec / 1000 < when_us;
}

static bool
drop(const RlVolume *volume, const RlRevision *revision, GError **error)
{
    if (!rl_file_drop(volume, revision->file, error))
        return false;
    rl_volume_event(volume, "pruned", revision->number, "revision %" G_GUINT64_FORMAT " is pruned",
                    revision->number);
    return true;
}

/* A named one never goes. One that is the clean image itself belongs to a commit or replacement
 * that is under way or was cut off. */
static bool
may_go(const RlVolume *volume, const RlRevision *revision)
{
    return !revision->label && !rl_stat_same(&revision->st, &volume->clean.st);
}

/* What a revision is dated by, in seconds of the epoch. A device model chooses the time of the last
 * write of its image, but neither when that became a clean one nor when the revision's inode
 * changed. */
typedef struct {
    gint64 written; /* its last write, as the image says it; not later than it is known to be */
    gint64 clean;   /* when it became a clean image; where that is not noted, the same as written */
} Dates;

static Dates
dates_of(const RlVolume *volume, const RlRevision *revision)
{
    g_autofree char *text = NULL;
    gint64 since_us = 0, written = revision->st.st_mtim.tv_sec;

    rl_xattr_get_at(volume->dir, revision->file, RL_ATTR_CLEAN_SINCE, &text, NULL);
    bool noted = text && g_ascii_string_to_signed(text, 10, 1, G_MAXINT64, &since_us, NULL);
    written = MIN(written, noted ? since_us / G_USEC_PER_SEC : revision->st.st_ctim.tv_sec);
    return (Dates){written, noted ? since_us / G_USEC_PER_SEC : written};
}

/* Goes through revisions by both of their dates. */
typedef struct {
    RlRetentionWalk written, clean;
    bool by_date; /* the dates count */
} Walk;

static Walk
walk_of(RlRetention keep)
{
    return (Walk){.written = {.left = keep},
                  .clean = {.left = keep},
                  .by_date = keep.hourly > 0 || keep.daily > 0 || keep.weekly > 0};
}

/* Is the next older @revision kept? That is so if one of the two dates keeps it. The first is wrong
 * where a device model wants it so: it could use up the hours, days and weeks that the states of
 * others are kept for. The second is that of a rename, or of the receipt of a stream, for all the
 * states of a volume. */
static bool
keeps(Walk *walk, const RlVolume *volume, const RlRevision *revision)
{
    Dates dates = walk->by_date ? dates_of(volume, revision) : (Dates){0};
    bool by_write = rl_retention_keeps(&walk->written, dates.written);
    bool by_commit = rl_retention_keeps(&walk->clean, dates.clean);

    return by_write || by_commit;
}

static gint
compare_dates(gconstpointer a, gconstpointer b)
{
    const RlRevision *one = *(const RlRevision *const *) a, *other = *(const RlRevision *const *) b;
    const struct timespec *x = &one->st.st_mtim, *y = &other->st.st_mtim;

    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    if (x->tv_nsec != y->tv_nsec)
        return x->tv_nsec < y->tv_nsec ? -1 : 1;
    return one->number < other->number ? -1 : one->number > other->number;
}

/* What @keep keeps of @revisions by their dates: a set of them, owned by the caller. */
static GHashTable *
keep_by_date(const RlVolume *volume, GPtrArray *revisions, RlRetention keep)
{
    GHashTable *kept = g_hash_table_new(NULL, NULL);
    g_autoptr(GPtrArray) dated = g_ptr_array_new();
    Walk walk = walk_of(keep);

    for (guint i = 0; i < revisions->len; i++)
        if (may_go(volume, g_ptr_array_index(revisions, i)))
            g_ptr_array_add(dated, g_ptr_array_index(revisions, i));
    g_ptr_array_sort(dated, compare_dates);
    for (guint i = dated->len; i-- > 0;) {
        RlRevision *revision = g_ptr_array_index(dated, i);
        if (keeps(&walk, volume, revision))
            g_hash_table_add(kept, revision);
    }
    return kept;
}

/* An administrator names what goes (@dropped), and may do so between two commits: then a revision
 * that was put back may have the highest number, which says nothing of its age. What is among the
 * newest by number or by date stays. */
static bool
prune(const RlVolume *volume, const RlPruneRule *rule, GPtrArray *dropped, GError **error)
{
    g_autoptr(GPtrArray) revisions = rl_revisions_list(volume->dir, volume->name->leaf, error);
    g_autoptr(GHashTable) dated =
        revisions && dropped ? keep_by_date(volume, revisions, rule->keep) : NULL;
    Walk walk = walk_of(rule->keep);
    bool put_back;

    if (!revisions ||
        !find_put_back(volume, rl_revisions_newest(revisions), rule->dry_run, &put_back, error))
        return false;
    if (put_back)
        return true;
    for (guint i = revisions->len; i-- > 0;) {
        const RlRevision *revision = g_ptr_array_index(revisions, i);
        if (!may_go(volume, revision))
            continue;
        if (keeps(&walk, volume, revision) || (dated && g_hash_table_contains(dated, revision)) ||
            !is_before(&revision->st, rule->before_us) || !is_unused(volume, revision))
            continue;
        if (!rule->dry_run && !drop(volume, revision, error))
            return false;
        if (dropped)
            g_ptr_array_add(dropped, rl_revision_name(revision, volume->name->volume));
    }
    return true;
}

bool
rl_volume_prune(const RlVolume *volume, const RlRetention *keep, GError **error)
{
    const RlPruneRule rule = {.keep = *keep, .before_us = G_MAXINT64};

    return prune(volume, &rule, NULL, error);
}

bool
rl_volume_prune_by(const RlPool *pool, const char *name, const RlPruneRule *rule,
                   GPtrArray *ret_dropped, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    g_autoptr(RlLock) lock = volume ? rl_volume_lock(volume, "prune", error) : NULL;

    if (!lock)
        return false;
    if (volume->kind != RL_KIND_PERSISTENT || !volume->clean.there)
        return true;
    return prune(volume, rule, ret_dropped, error) &&
           (rule->dry_run || rl_volume_sync(volume, error));
}

bool
rl_volume_tidy(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, error);
    g_autoptr(RlLock) lock = volume ? rl_volume_lock(volume, "prune", error) : NULL;

    if (!lock)
        return false;
    if (volume->kind != RL_KIND_PERSISTENT || !volume->clean.there)
        return true;
    return rl_volume_prune(volume, rl_options_keep(pool->options, name), error);
}
