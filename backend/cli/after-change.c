/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "after-change.h"

#include "backend/libvirt/refresh-daemon.h"
#include "cli.h"
#include "common/operation/maintenance.h"
#include "document.h"

/* So long a daemon may take to answer. */
#define PATIENCE_US (10 * G_USEC_PER_SEC)

typedef struct {
    char *root;
    char *name; /* of the volume; NULL: the whole pool */
    GAsyncQueue *over;
} Question;

static gpointer
ask_daemon(gpointer data)
{
    Question *question = data;

    if (question->name)
        rl_refresh_daemon(question->root, question->name);
    else
        rl_refresh_daemon_pool(question->root);
    g_async_queue_push(question->over, question);
    return NULL;
}

/* libvirt's library can wait for good for a daemon that hangs. So another thread asks, which ends
 * with the process; then what it has is left to it. */
static void
refresh_daemon(const RlPool *pool, const char *name)
{
    Question *question = g_new0(Question, 1);

    question->root = g_strdup(pool->path);
    question->name = g_strdup(name);
    question->over = g_async_queue_new();
    GThread *thread = g_thread_try_new("refresh-daemon", ask_daemon, question, NULL);
    if (thread && !g_async_queue_timeout_pop(question->over, PATIENCE_US)) {
        g_thread_unref(thread);
        return;
    }
    if (thread)
        g_thread_join(thread);
    g_async_queue_unref(question->over);
    g_free(question->root);
    g_free(question->name);
    g_free(question);
}

bool
rl_after_change(const RlPool *pool, const char *name, bool committed, GError **error)
{
    bool done = rl_volume_maintain(pool, name, committed, error);

    refresh_daemon(pool, name);
    return done;
}

bool
rl_after_new(const RlPool *pool, const char *name, GError **error)
{
    bool done = rl_volume_maintain(pool, name, false, error);

    refresh_daemon(pool, NULL);
    return done;
}

static void
ended_late(const RlPool *pool, const char *name, bool committed, const GError *error, void *data)
{
    const RlCall *call = data;

    (void) pool;
    call->document->changed |= committed;
    if (committed)
        g_ptr_array_add(call->document->committed, g_strdup(name));
    if (error)
        rl_call_warn(call, "the run of volume '%s' is not committed yet: %s", name, error->message);
}

void
rl_after_space(RlCall *call)
{
    rl_pool_end_late(call->pool, ended_late, call);
    refresh_daemon(call->pool, NULL);
}

void
rl_after_many(const RlPool *pool)
{
    refresh_daemon(pool, NULL);
}
