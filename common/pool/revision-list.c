/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "revision-list.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/base/error.h"
#include "common/format/file-name.h"
#include "common/fs/dir-iter.h"

RlRevision *
rl_revision_new(const char *file, uint64_t number, const char *label, const struct stat *st)
{
    RlRevision *revision = g_new0(RlRevision, 1);

    revision->number = number;
    revision->label = g_strdup(label);
    revision->file = g_strdup(file);
    revision->st = *st;
    return revision;
}

void
rl_revision_free(RlRevision *revision)
{
    if (!revision)
        return;
    g_free(revision->label);
    g_free(revision->file);
    g_free(revision);
}

char *
rl_revision_name(const RlRevision *revision, const char *volume)
{
    if (revision->label)
        return g_strdup_printf("%s@%s", volume, revision->label);
    return g_strdup_printf("%s@%" G_GUINT64_FORMAT, volume, revision->number);
}

GPtrArray *
rl_revisions_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify) rl_revision_free);
}

static gint
compare(gconstpointer a, gconstpointer b)
{
    const RlRevision *left = *(RlRevision *const *) a, *right = *(RlRevision *const *) b;

    if (!left->label != !right->label)
        return left->label ? 1 : -1;
    if (left->label)
        return strcmp(left->label, right->label);
    if (left->number != right->number)
        return left->number < right->number ? -1 : 1;
    return strcmp(left->file, right->file);
}

void
rl_revisions_sort(GPtrArray *revisions)
{
    g_ptr_array_sort(revisions, compare);
}

GPtrArray *
rl_revisions_list(int dir, const char *leaf, GError **error)
{
    g_autoptr(RlDirIter) entries = rl_dir_iter_open(dir, error);
    g_autoptr(GPtrArray) revisions = rl_revisions_new();
    const char *file;

    if (!entries)
        return NULL;
    while ((file = rl_dir_iter_next(entries))) {
        RlFileName name = rl_file_name_parse(file);
        struct stat st;
        if ((name.role != RL_FILE_REVISION && name.role != RL_FILE_LABEL) ||
            strcmp(name.leaf, leaf) != 0)
            continue;
        if (fstatat(dir, file, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            if (errno == ENOENT)
                continue; /* somebody has just removed it */
            rl_fail_errno(error, errno, "cannot examine '%s'", file);
            return NULL;
        }
        if (!S_ISREG(st.st_mode))
            continue;
        g_ptr_array_add(revisions, rl_revision_new(file, name.number, name.label, &st));
    }
    /* A number that was not seen would be given twice. */
    if (!rl_dir_iter_are_all(entries, error))
        return NULL;
    rl_revisions_sort(revisions);
    return g_steal_pointer(&revisions);
}

const RlRevision *
rl_revisions_newest(const GPtrArray *revisions)
{
    for (guint i = revisions->len; i-- > 0;) {
        const RlRevision *revision = g_ptr_array_index(revisions, i);
        if (!revision->label)
            return revision;
    }
    return NULL;
}

const RlRevision *
rl_revisions_find(const GPtrArray *revisions, uint64_t number, const char *label)
{
    for (guint i = revisions->len; i-- > 0;) {
        const RlRevision *revision = g_ptr_array_index(revisions, i);
        if (label ? g_strcmp0(revision->label, label) == 0
                  : !revision->label && revision->number == number)
            return revision;
    }
    return NULL;
}

/* Another file with the number of @revision; NULL where there is none. */
static const RlRevision *
find_twin(const GPtrArray *revisions, const RlRevision *revision)
{
    for (guint i = 0; !revision->label && i < revisions->len; i++) {
        const RlRevision *other = g_ptr_array_index(revisions, i);
        if (other != revision && !other->label && other->number == revision->number)
            return other;
    }
    return NULL;
}

bool
rl_revisions_find_named(const GPtrArray *revisions, const RlName *name,
                        const RlRevision **ret_revision, GError **error)
{
    const RlRevision *found = rl_revisions_find(revisions, name->number, name->label);
    const RlRevision *twin = found ? find_twin(revisions, found) : NULL;

    *ret_revision = found;
    return !twin ||
           rl_fail(error, RL_ERROR_STATE,
                   "revision '%s' is ambiguous: '%s' and '%s' have the same number, as when a "
                   "revision was copied from another copy of the volume. Rename one of the files, "
                   "for example to the named revision '%s.img@LABEL'",
                   name->text, twin->file, found->file, name->leaf);
}
