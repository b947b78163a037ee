/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "story.h"

#include "common/operation/start.h"
#include "common/operation/stop.h"

#include <string.h>

#define TEMPLATE "vm/root"
#define PRIVATE "app/private"
#define ROOT "app/root"
#define VOLATILE "app/volatile"
#define DIRECT "app/direct"
#define WEB STORY_OLD_NAME
#define COPY "app/deep/copy"

static const Step story[] = {
    STEP(build, STORY_POOL_NAME),
    STEP(options, STORY_POOL_NAME, .wanted = 2, .other = "links"),
    STEP(create, TEMPLATE, .wanted = RL_KIND_PERSISTENT, .tag = 1, .size = 96 * KIB),
    STEP(create, PRIVATE, .wanted = RL_KIND_PERSISTENT, .tag = 2, .size = 64 * KIB),
    STEP(create, ROOT, .other = TEMPLATE, .wanted = RL_KIND_SNAPSHOT, .size = 96 * KIB),
    STEP(create, VOLATILE, .wanted = RL_KIND_VOLATILE, .size = 32 * KIB),
    STEP(create, DIRECT, .wanted = RL_KIND_DIRECT, .tag = 3, .size = 48 * KIB),
    STEP(create, WEB, .wanted = RL_KIND_PERSISTENT, .tag = 4, .size = 64 * KIB),

    /* A domain runs for the first time. */
    STEP(maintain, PRIVATE),
    STEP(start, PRIVATE),
    STEP(start, ROOT),
    STEP(start, VOLATILE),
    STEP(start, DIRECT),
    STEP(write, PRIVATE, .tag = 10),
    STEP(write, ROOT, .tag = 11),
    STEP(sync, PRIVATE),
    STEP(write, DIRECT, .tag = 12),
    STEP(write, VOLATILE, .tag = 13),
    STEP(write, PRIVATE, .tag = 14),
    STEP(write_back, PRIVATE),
    STEP(write_back, DIRECT),
    STEP(sync, DIRECT),
    STEP(label, PRIVATE, .other = "running"),
    STEP(write, DIRECT, .tag = 15),
    STEP(stop, DIRECT, .wanted = RL_STOP_RETURNED),
    STEP(stop, VOLATILE, .wanted = RL_STOP_DROPPED),
    STEP(stop, ROOT, .wanted = RL_STOP_DROPPED),
    STEP(stop, PRIVATE, .wanted = RL_STOP_COMMITTED),
    STEP(maintain, PRIVATE),
    STEP(maintain, ROOT),

    /* The template gets an update, and its snapshot follows. */
    STEP(start, TEMPLATE),
    STEP(write, TEMPLATE, .tag = 20),
    STEP(stop, TEMPLATE, .wanted = RL_STOP_COMMITTED),
    STEP(maintain, TEMPLATE),
    STEP(maintain, ROOT),
    STEP(date_back, TEMPLATE),
    STEP(maintain, ROOT),
    STEP(start, ROOT, .owner = &xen),
    STEP(stop, ROOT, .wanted = RL_STOP_UNWRITTEN, .owner = &xen),
    STEP(start, ROOT),
    STEP(write, ROOT, .tag = 21),
    STEP(resize, TEMPLATE, .size = 128 * KIB),
    STEP(stop, ROOT, .wanted = RL_STOP_DROPPED),

    /* Runs that write nothing, and more that do: revisions are pruned. */
    STEP(maintain, WEB),
    STEP(start, WEB),
    STEP(stop, WEB, .wanted = RL_STOP_UNWRITTEN),
    STEP(start, WEB),
    STEP(write, WEB, .tag = 30),
    STEP(stop, WEB, .wanted = RL_STOP_COMMITTED),
    STEP(start, WEB),
    STEP(write, WEB, .tag = 31),
    STEP(stop, WEB, .wanted = RL_STOP_COMMITTED),
    STEP(start, WEB),
    STEP(write, WEB, .tag = 32),
    STEP(sync, WEB),
    STEP(stop, WEB, .wanted = RL_STOP_COMMITTED),
    STEP(start, WEB),
    STEP(write, WEB, .tag = 33),
    STEP(stop, WEB, .wanted = RL_STOP_COMMITTED),
    STEP(maintain, WEB),

    /* Starts that are put back, and a domain that only reads. */
    STEP(start, WEB),
    STEP(unstart, WEB),
    STEP(start, DIRECT),
    STEP(unstart, DIRECT),
    STEP(start, VOLATILE),
    STEP(unstart, VOLATILE),
    STEP(start, WEB, .wanted = RL_START_READONLY),
    STEP(stop, WEB, .wanted = RL_STOP_DROPPED),

    /* New contents that are not a guest's. */
    STEP(label, PRIVATE, .other = "stopped"),
    STEP(revert, PRIVATE, .other = PRIVATE "@1"),
    STEP(upload, PRIVATE, .tag = 40, .size = 64 * KIB),
    STEP(upload_sync, PRIVATE),
    STEP(upload, PRIVATE, .tag = 42, .size = 64 * KIB),
    STEP(delete_revision, PRIVATE, .other = "4"),
    STEP(stream, PRIVATE, .tag = 41, .size = 64 * KIB),
    STEP(stream_end, PRIVATE),
    STEP(revert, DIRECT, .other = WEB),
    STEP(clone, COPY, .other = PRIVATE "@running"),

    /* Sizes. */
    STEP(resize, PRIVATE, .size = 96 * KIB),
    STEP(start, PRIVATE),
    STEP(resize, PRIVATE, .size = 128 * KIB),
    STEP(write, PRIVATE, .tag = 50),
    STEP(resize, PRIVATE, .size = 32 * KIB),
    STEP(write, PRIVATE, .tag = 51),
    STEP(stop, PRIVATE, .wanted = RL_STOP_COMMITTED),
    STEP(maintain, PRIVATE),
    STEP(resize, VOLATILE, .size = 64 * KIB),
    STEP(start, VOLATILE),
    STEP(resize, VOLATILE, .size = 16 * KIB),
    STEP(stop, VOLATILE, .wanted = RL_STOP_DROPPED),
    STEP(resize, DIRECT, .size = 32 * KIB),

    /* A domain is saved and restored, with all its disks. */
    STEP(start, PRIVATE),
    STEP(start, ROOT),
    STEP(start, DIRECT),
    STEP(write, PRIVATE, .tag = 60),
    STEP(write, ROOT, .tag = 61),
    STEP(write, DIRECT, .tag = 62),
    STEP(save, PRIVATE),
    STEP(save, ROOT),
    STEP(save, DIRECT),
    STEP(restore, PRIVATE, .wanted = RL_START_RESTORED),
    STEP(restore, ROOT, .wanted = RL_START_RESTORED),
    STEP(restore, DIRECT, .wanted = RL_START_RESTORED),
    STEP(write, PRIVATE, .tag = 63),
    STEP(confirm, PRIVATE),
    STEP(confirm, ROOT),
    STEP(sync, PRIVATE),
    STEP(stop, DIRECT, .wanted = RL_STOP_RETURNED),
    STEP(stop, ROOT, .wanted = RL_STOP_DROPPED),
    STEP(stop, PRIVATE, .wanted = RL_STOP_COMMITTED),

    /* Images that are kept, gone on with, or given up. */
    STEP(start, COPY),
    STEP(write, COPY, .tag = 70),
    STEP(keep, COPY),
    STEP(go_on, COPY),
    STEP(write, COPY, .tag = 71),
    STEP(stop, COPY, .wanted = RL_STOP_COMMITTED),
    STEP(start, ROOT),
    STEP(write, ROOT, .tag = 72),
    STEP(save, ROOT),
    STEP(continue, ROOT),
    STEP(discard, ROOT),
    STEP(start, WEB),
    STEP(write, WEB, .tag = 73),
    STEP(save, WEB),
    STEP(discard, WEB),

    /* Disks that come by a migration: it is broken off, or the guest comes. */
    STEP(start, COPY, .wanted = RL_START_ARRIVING),
    STEP(write, COPY, .tag = 90),
    STEP(sync, COPY),
    STEP(drop_arrival, COPY),
    STEP(start, COPY, .wanted = RL_START_ARRIVING),
    STEP(write, COPY, .tag = 91),
    STEP(arrived, COPY),
    STEP(write, COPY, .tag = 92),
    STEP(stop, COPY, .wanted = RL_STOP_COMMITTED),
    STEP(start, DIRECT, .wanted = RL_START_ARRIVING),
    STEP(write, DIRECT, .tag = 93),
    STEP(drop_arrival, DIRECT),
    STEP(go_on, DIRECT, .wanted = RL_START_ARRIVING),
    STEP(write, DIRECT, .tag = 94),
    STEP(arrived, DIRECT),
    STEP(stop, DIRECT, .wanted = RL_STOP_RETURNED),

    /* A disk that a running domain is given; and a run whose end found no space at first. */
    STEP(start, COPY, .owner = &by_hand),
    STEP(write, COPY, .tag = 95),
    STEP(claim, COPY),
    STEP(write, COPY, .tag = 96),
    STEP(stop, COPY, .wanted = RL_STOP_COMMITTED),
    STEP(start, COPY),
    STEP(write, COPY, .tag = 97),
    STEP(end_late, COPY),

    /* All goes, and one comes again. */
    STEP(delete_revision, PRIVATE, .other = "running"),
    STEP(delete_revision, WEB, .other = "4"),
    STEP(delete, COPY),
    STEP(delete, ROOT),
    STEP(delete, TEMPLATE),
    STEP(delete, PRIVATE),
    STEP(delete, VOLATILE),
    STEP(create, PRIVATE, .wanted = RL_KIND_DIRECT, .tag = 80, .size = 32 * KIB),
    STEP(delete, DIRECT),
    STEP(delete, WEB),
    STEP(create, WEB, .wanted = RL_KIND_PERSISTENT, .tag = 81, .size = 32 * KIB),
    STEP(start, WEB),
    STEP(write, WEB, .tag = 82),
    STEP(stop, WEB, .wanted = RL_STOP_COMMITTED),

    /* From one directory to another. */
    STEP(rename, WEB, .other = STORY_NEW_NAME),
    STEP(start, STORY_NEW_NAME),
    STEP(write, STORY_NEW_NAME, .tag = 83),
    STEP(stop, STORY_NEW_NAME, .wanted = RL_STOP_COMMITTED),
};

char *
story_describe(const RlPool *pool, GError **error)
{
    g_autofree char *text = rl_model_describe(pool, error);

    return text ? g_strdup_printf("%s pool keep %d\n%s", STORY_POOL_NAME,
                                  pool->options->keep.newest, text)
                : NULL;
}

static char *
put_instead(const char *text, const char *old, const char *new)
{
    g_auto(GStrv) parts = g_strsplit(text, old, -1);

    return g_strjoinv(new, parts);
}

/* In another boot of the host nobody runs on what is running now; and what was to come by a
 * migration has not. */
static char *
describe(Site *site)
{
    GError *error = NULL;
    g_autofree char *text = story_describe(site_pool(site, &error), &error);

    g_assert_no_error(error);
    g_autofree char *halves = put_instead(text, " running arriving ", " suspect arriving ");
    return put_instead(halves, " running ", " leftover ");
}

static void
tell_step(Disk *disk, Site *site, const Step *step)
{
    const char *volume = step->volume;
    g_autofree char *words = g_strdup_printf("%s %s", step->action->word, volume);
    g_autofree char *begin =
        g_strdup_printf("begin %d %s %s", (int) step->action->flags, volume, words);
    GError *error = NULL;

    disk_mark(disk, begin);
    if (!step->action->act(site, step, &error))
        g_error("the story ends early: %s: %s", words, error->message);
    g_autofree char *text = describe(site);
    g_autofree char *done = g_strconcat("done\n", text, NULL);
    disk_mark(disk, done);
}

void
story_tell(Disk *disk, const char *mount_point)
{
    g_autofree char *path = g_build_filename(mount_point, STORY_POOL, NULL);
    Site site = {.path = path};

    for (size_t i = 0; i < G_N_ELEMENTS(story); i++)
        tell_step(disk, &site, &story[i]);
    rl_pool_close(site.pool);
}
