/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "later.h"

#include "common/log.h"
#include "common/maintain.h"
#include "xml/documents.h"

typedef struct {
    char *root;
    char *name;
} Job;

static gpointer
work(gpointer data)
{
    Job *job = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(RlPool) pool = rl_pool_open(job->root, rl_xml_documents(), &error);

    if (!pool || !rl_volume_maintain(pool, job->name, false, &error))
        rl_log_warning("%s: cannot be put in order now: %s", job->name, error->message);
    g_free(job->root);
    g_free(job->name);
    g_free(job);
    return NULL;
}

void
rl_later_maintain(const RlPool *pool, const char *name)
{
    Job *job = g_new0(Job, 1);
    g_autoptr(GError) error = NULL;

    job->root = g_strdup(pool->path);
    job->name = g_strdup(name);
    GThread *thread = g_thread_try_new("reflink-later", work, job, &error);
    if (thread) {
        g_thread_unref(thread);
        return;
    }
    rl_log_warning("%s: cannot be put in order now: %s", name, error->message);
    g_free(job->root);
    g_free(job->name);
    g_free(job);
}
