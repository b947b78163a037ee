/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "background.h"

#include "common/base/log.h"
#include "common/format/ended-note.h"
#include "common/operation/before-edit.h"
#include "common/operation/maintenance.h"
#include "common/pool/scan.h"
#include "xml/documents.h"

typedef bool (*Deed)(const RlPool *pool, const char *name, GError **error);

typedef struct {
    char *root;
    GPtrArray *names;
    Deed deed;
} Job;

static void
job_free(Job *job)
{
    g_free(job->root);
    g_ptr_array_unref(job->names);
    g_free(job);
}

static void
warn(const Job *job, const char *name, const GError *error)
{
    rl_log_warning("%s '%s': cleanup after the run failed: %s", name ? "volume" : "pool",
                   name ? name : job->root, error->message);
}

static gpointer
work(gpointer data)
{
    Job *job = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(RlPool) pool = rl_pool_open(job->root, rl_xml_documents(), &error);

    if (!pool)
        warn(job, NULL, error);
    for (guint i = 0; pool && i < job->names->len; i++) {
        const char *name = g_ptr_array_index(job->names, i);
        g_autoptr(GError) cause = NULL;
        if (!job->deed(pool, name, &cause))
            warn(job, name, cause);
    }
    job_free(job);
    return NULL;
}

/* Takes @names over. */
static void
begin(const RlPool *pool, GPtrArray *names, Deed deed)
{
    Job *job = g_new0(Job, 1);
    g_autoptr(GError) error = NULL;

    job->root = g_strdup(pool->path);
    job->names = names;
    job->deed = deed;
    GThread *thread = g_thread_try_new("reflink-later", work, job, &error);
    if (thread) {
        g_thread_unref(thread);
        return;
    }
    warn(job, g_ptr_array_index(names, 0), error);
    job_free(job);
}

static bool
maintain(const RlPool *pool, const char *name, GError **error)
{
    return rl_volume_maintain(pool, name, false, error);
}

void
rl_background_maintain(const RlPool *pool, const char *name)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

    g_ptr_array_add(names, g_strdup(name));
    begin(pool, names, maintain);
}

static bool
end_late(const RlPool *pool, const char *name, GError **error)
{
    bool committed;

    return rl_volume_end_late(pool, name, &committed, error);
}

void
rl_background_end(const RlPool *pool)
{
    GPtrArray *names = rl_ended_list(pool->dev, pool->ino);

    if (names->len > 0)
        begin(pool, names, end_late);
    else
        g_ptr_array_unref(names);
}

static bool
keep_edit(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, error);

    if (!volume)
        return false;
    rl_edit_keep_or_warn(volume);
    return true;
}

void
rl_background_keep_edits(const RlPool *pool, const GPtrArray *listed)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < listed->len; i++) {
        const RlListed *one = g_ptr_array_index(listed, i);
        RlName name = {.volume = one->name};
        const RlVolume volume = {.pool = pool,
                                 .name = &name,
                                 .clean = one->clean,
                                 .dirty = one->dirty,
                                 .precache = one->precache,
                                 .kind = one->recorded ? one->recorded->kind : RL_KIND_PERSISTENT};
        if (rl_edit_may_be(&volume))
            g_ptr_array_add(names, g_strdup(one->name));
    }
    if (names->len > 0)
        begin(pool, names, keep_edit);
    else
        g_ptr_array_unref(names);
}

void
rl_background_keep_edit(const RlPool *pool, const RlVolume *volume)
{
    if (!rl_edit_may_be(volume))
        return;
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

    g_ptr_array_add(names, g_strdup(volume->name->volume));
    begin(pool, names, keep_edit);
}

void
rl_background_clear(const RlPool *pool, const GPtrArray *names)
{
    GPtrArray *copy = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < names->len; i++)
        g_ptr_array_add(copy, g_strdup(g_ptr_array_index(names, i)));
    if (copy->len > 0)
        begin(pool, copy, rl_volume_clear);
    else
        g_ptr_array_unref(copy);
}
