/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "backend/cli/cli.h"
#include "backend/cli/stale-workers.h"
#include "common/pool/free-space.h"
#include "common/pool/scan.h"
#include "findings.h"
#include "prometheus.h"
#include "show-volume.h"

/* In the order in which they are printed. */
typedef enum {
    CAPACITY,
    AVAILABLE,
    LOW_SPACE,
    VOLUMES,
    SIZE,
    ALLOCATED,
    LAST_COMMIT,
    DIRTY_SINCE,
    WAITS,
    REVISIONS,
    PROBLEMS,
    STALE_WORKERS,
    METRICS,
} Metric;

#define PREFIX "libvirt_reflink_"

typedef struct {
    const char *pool;
    RlMetric metrics[METRICS];
    guint states[RL_STATE_FOREIGN + 1];
    guint deleted, unreadable;
} Collection;

static const RlMetric none[METRICS] = {
    [CAPACITY] = {PREFIX "pool_capacity_bytes", "Size of the file system of the pool.", NULL},
    [AVAILABLE] = {PREFIX "pool_available_bytes", "Free space of the file system of the pool.",
                   NULL},
    [LOW_SPACE] = {PREFIX "pool_low_space", "1 if less space is free than the options say.", NULL},
    [VOLUMES] = {PREFIX "volumes", "Number of volumes in each state.", NULL},
    [SIZE] = {PREFIX "volume_size_bytes", "Size of the disk.", NULL},
    [ALLOCATED] = {PREFIX "volume_allocated_bytes",
                   "Blocks of the image that has the present state, shared ones included.", NULL},
    [LAST_COMMIT] = {PREFIX "volume_last_commit_timestamp_seconds",
                     "Time of the last write to the committed state.", NULL},
    [DIRTY_SINCE] = {PREFIX "volume_dirty_since_timestamp_seconds",
                     "When the run began that the dirty image is of.", NULL},
    [WAITS] = {PREFIX "volume_waits_for_space",
               "1 if the run has ended, and its commit waits for space.", NULL},
    [REVISIONS] = {PREFIX "volume_revisions", "Number of revisions.", NULL},
    [PROBLEMS] = {PREFIX "problems", "Number of problems of each kind that check finds.", NULL},
    [STALE_WORKERS] = {PREFIX "stale_workers",
                       "Processes of the hook, on this host, that have run for over an hour.",
                       NULL},
};

static void
add_of_pool(Collection *to, Metric metric, guint64 value)
{
    rl_metric_add(&to->metrics[metric], (const char *[]){"pool", to->pool, NULL}, value);
}

static void
add_of_volume(Collection *to, Metric metric, const char *volume, guint64 value)
{
    rl_metric_add(&to->metrics[metric], (const char *[]){"pool", to->pool, "volume", volume, NULL},
                  value);
}

static void
add_revisions(Collection *to, const RlListed *listed)
{
    guint named = 0;

    for (guint i = 0; i < listed->revisions->len; i++)
        named += ((const RlRevision *) g_ptr_array_index(listed->revisions, i))->label != NULL;
    const guint counts[] = {listed->revisions->len - named, named};
    static const char *const kinds[] = {"automatic", "named"};
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        rl_metric_add(
            &to->metrics[REVISIONS],
            (const char *[]){"pool", to->pool, "volume", listed->name, "kind", kinds[i], NULL},
            counts[i]);
}

static void
add_run(Collection *to, const RlLook *look)
{
    const char *name = look->volume->name->volume;
    gint64 since_us = look->run ? rl_image_owner_began_us(look->run) : 0;

    if (!look->volume->dirty.there || since_us <= 0)
        return;
    rl_metric_add(
        &to->metrics[DIRTY_SINCE],
        (const char *[]){"pool", to->pool, "volume", name, "domain", look->run->name, NULL},
        (guint64) (since_us / G_USEC_PER_SEC));
    add_of_volume(to, WAITS, name, look->run->ended);
}

static void
add_volume(Collection *to, const RlLook *look)
{
    const RlVolume *volume = look->volume;
    const RlImage *image = rl_look_image(look);
    const char *name = volume->name->volume;
    uint64_t size;

    to->states[look->state]++;
    if (rl_volume_capacity(volume, &size, NULL))
        add_of_volume(to, SIZE, name, size);
    add_of_volume(to, ALLOCATED, name, image ? (guint64) image->st.st_blocks * 512 : 0);
    if (volume->clean.there)
        add_of_volume(to, LAST_COMMIT, name, (guint64) MAX(volume->clean.st.st_mtim.tv_sec, 0));
    add_run(to, look);
}

static void
add_state(Collection *to, const char *state, guint count)
{
    rl_metric_add(&to->metrics[VOLUMES], (const char *[]){"pool", to->pool, "state", state, NULL},
                  count);
}

/* All of them, so that what is 0 can be told from what is unknown. */
static void
add_states(Collection *to)
{
    for (guint i = 0; i < G_N_ELEMENTS(to->states); i++)
        add_state(to, rl_state_to_string((RlState) i), to->states[i]);
    add_state(to, "deleted", to->deleted);
    add_state(to, "unreadable", to->unreadable);
}

/* All of them here, too. */
static void
add_problems(Collection *to, const GPtrArray *findings)
{
    for (const char *const *code = rl_findings_codes(); *code; code++) {
        guint count = 0;
        for (guint i = 0; i < findings->len; i++)
            count += g_str_equal(((const RlFinding *) g_ptr_array_index(findings, i))->code, *code);
        rl_metric_add(&to->metrics[PROBLEMS],
                      (const char *[]){"pool", to->pool, "code", *code, NULL}, count);
    }
}

static void
collect(Collection *to, const RlPool *pool, const GPtrArray *listed)
{
    g_autofree char *text = NULL;
    uint64_t capacity, available;
    bool low;

    if (rl_pool_space(pool, &capacity, &available, NULL) &&
        rl_free_space_look(pool, &low, &text, NULL)) {
        add_of_pool(to, CAPACITY, capacity);
        add_of_pool(to, AVAILABLE, available);
        add_of_pool(to, LOW_SPACE, low);
    }
    for (guint i = 0; i < listed->len; i++) {
        const RlListed *one = g_ptr_array_index(listed, i);
        g_autoptr(RlLook) look = one->exists ? rl_look(pool, one->name, NULL) : NULL;
        if (look)
            add_volume(to, look);
        else if (one->exists)
            to->unreadable++;
        else
            to->deleted++;
        add_revisions(to, one);
    }
    add_states(to);
}

/* Of all pools: which one a process that hangs works in cannot be told. */
static void
add_workers(Collection *to)
{
    g_autoptr(GPtrArray) stale = rl_stale_workers();

    add_of_pool(to, STALE_WORKERS, stale->len);
}

static void
print_json(Collection *collection)
{
    RlJson *json = rl_json_new();

    rl_json_begin_object(json, NULL);
    rl_json_string(json, "pool", collection->pool);
    rl_json_begin_array(json, "metrics");
    for (guint i = 0; i < METRICS; i++)
        rl_metric_json(&collection->metrics[i], json);
    rl_json_end(json);
    rl_json_end(json);
    rl_json_print(json);
}

RlExit
rl_command_metrics(RlCall *call, GError **error)
{
    if (!rl_call_begin(call, NULL, error))
        return call->exit;
    g_autoptr(GPtrArray) listed = rl_scan(call->pool, error);
    g_autoptr(GPtrArray) findings = listed ? rl_findings_look(call->pool, error) : NULL;
    if (!findings)
        return RL_EXIT_FAILED;
    Collection collection = {.pool = call->pool->path};
    memcpy(collection.metrics, none, sizeof(none));
    collect(&collection, call->pool, listed);
    add_problems(&collection, findings);
    add_workers(&collection);
    if (call->json)
        print_json(&collection);
    for (guint i = 0; !call->json && i < METRICS; i++)
        rl_metric_print(&collection.metrics[i]);
    return RL_EXIT_DONE;
}
