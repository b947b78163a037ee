/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs */
/* Operations of which every system call fails once, in a process that lives on: they say so, or did
 * what they were to do. What is left on the disk then is for the sweep of faults (tests/fault). */
#include "common/base/autofd.h"
#include "common/fs/xattr.h"
#include "common/image/content.h"
#include "common/operation/delete.h"
#include "common/operation/maintenance.h"
#include "common/operation/pool-build.h"
#include "common/operation/resize.h"
#include "common/operation/save.h"
#include "common/operation/staged-image.h"
#include "common/operation/upload-writer.h"
#include "common/operation/upload.h"
#include "common/pool/scan.h"
#include "common/pool/volume-state.h"
#include "disturb.h"
#include "xml/documents.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define V "a/b/private"
#define DIRECT "a/b/direct"
#define SNAPSHOT "a/b/root"
#define SCRATCH "a/b/volatile"

/* --- what there is before */

static void
stopped(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
}

static void
committed(Lab *lab)
{
    stopped(lab);
    lab_run(lab, V, "two");
}

static void
running(Lab *lab)
{
    stopped(lab);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
}

static void
change_run(Lab *lab, const char *name, void (*change)(RlImageOwner *))
{
    rl_autofd int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDONLY);
    g_autoptr(RlImageOwner) run = NULL;

    g_assert_true(rl_image_owner_get(fd, &run, NULL));
    change(run);
    g_assert_true(rl_image_owner_put_back(fd, run, NULL));
}

static void
age(RlImageOwner *run)
{
    g_free(run->boot_id);
    run->boot_id = g_strdup("an earlier one");
}

static void
left(Lab *lab)
{
    running(lab);
    change_run(lab, V, age);
}

static void
saved(Lab *lab)
{
    bool done;

    running(lab);
    g_assert_true(rl_volume_save(lab->pool, V, &alice, "/some/file", &done, NULL));
}

static void
restored(Lab *lab)
{
    saved(lab);
    g_assert_true(rl_volume_announce_restore(lab->pool, V, &alice, NULL));
    rl_started_free(rl_volume_start(lab->pool, V, &alice, RL_START_RESTORED, NULL));
}

static void
announced(Lab *lab)
{
    saved(lab);
    g_assert_true(rl_volume_announce_restore(lab->pool, V, &alice, NULL));
}

static void
kept(Lab *lab)
{
    bool done;

    running(lab);
    g_assert_true(rl_volume_keep_below(lab->pool, V, &alice, &done, NULL));
}

static void
running_volatile(Lab *lab)
{
    lab_create_kind(lab, SCRATCH, RL_KIND_VOLATILE, NULL, NULL, MIB);
    lab_start(lab, SCRATCH, &alice);
}

static void
running_direct(Lab *lab)
{
    lab_create_kind(lab, DIRECT, RL_KIND_DIRECT, NULL, "one", MIB);
    lab_start(lab, DIRECT, &alice);
}

/* As a replacement leaves it that was cut off: the newest revision is the clean image itself. */
static void
linked(Lab *lab)
{
    g_autofree char *file = rl_file_name_revision("private", 7, 1600000000);
    g_autofree char *dir = lab_path(lab, "a/b"), *revision = g_build_filename(dir, file, NULL);
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    committed(lab);
    g_assert_cmpint(link(clean, revision), ==, 0);
}

static void
unnumbered(Lab *lab)
{
    stopped(lab);
    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    g_assert_true(rl_xattr_remove(fd, RL_ATTR_ID, NULL));
}

/* Something else, a backup, has the clean image as well. */
static void
shared(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN), *other = lab_path(lab, "a/other");

    stopped(lab);
    g_assert_cmpint(link(clean, other), ==, 0);
}

static void
shared_direct(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, DIRECT, RL_FILE_CLEAN);
    g_autofree char *other = lab_path(lab, "a/other");

    lab_create_kind(lab, DIRECT, RL_KIND_DIRECT, NULL, "one", MIB);
    g_assert_cmpint(link(clean, other), ==, 0);
}

static void
left_direct(Lab *lab)
{
    running_direct(lab);
    change_run(lab, DIRECT, age);
}

static void
snapshot(Lab *lab)
{
    stopped(lab);
    lab_create_kind(lab, SNAPSHOT, RL_KIND_SNAPSHOT, V, NULL, 2 * MIB);
}

static void
running_linked(Lab *lab)
{
    linked(lab);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "three");
}

static void
resized_volatile(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, SCRATCH, RL_FILE_DIRTY);

    running_volatile(lab);
    set_size(dirty, 2 * MIB);
}

static void
scratch(Lab *lab)
{
    lab_create_kind(lab, SCRATCH, RL_KIND_VOLATILE, NULL, NULL, MIB);
}

/* As a deletion leaves it that was cut off. */
static void
remains(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    committed(lab);
    g_assert_cmpint(unlink(clean), ==, 0);
}

static void
too_many(Lab *lab)
{
    lab_options(lab, 3);
    committed(lab);
    lab_run(lab, V, "three");
    lab_options(lab, 1);
}

static void
nothing(Lab *lab)
{
    (void) lab;
}

/* --- the operations */

static bool
save(Lab *lab, GError **error)
{
    bool done;

    return rl_volume_save(lab->pool, V, &alice, "/some/file", &done, error);
}

static bool
keep(Lab *lab, GError **error)
{
    bool done;

    return rl_volume_keep(lab->pool, V, &alice, &done, error);
}

static bool
keep_below(Lab *lab, GError **error)
{
    bool done;

    return rl_volume_keep_below(lab->pool, V, &alice, &done, error);
}

static bool
announce(Lab *lab, GError **error)
{
    return rl_volume_announce_restore(lab->pool, V, &alice, error);
}

static bool
confirm(Lab *lab, GError **error)
{
    return rl_volume_confirm(lab->pool, V, &alice, error);
}

static bool
go_on(Lab *lab, GError **error)
{
    return rl_volume_continue(lab->pool, V, error);
}

static bool
discard(Lab *lab, GError **error)
{
    return rl_volume_discard(lab->pool, V, error);
}

static bool
start(Lab *lab, GError **error)
{
    g_autoptr(RlStarted) started = rl_volume_start(lab->pool, V, &alice, 0, error);

    return started != NULL;
}

static bool
start_restored(Lab *lab, GError **error)
{
    g_autoptr(RlStarted) started = rl_volume_start(lab->pool, V, &alice, RL_START_RESTORED, error);

    return started != NULL;
}

static bool
start_overlaid(Lab *lab, GError **error)
{
    g_autoptr(RlStarted) started = rl_volume_start(lab->pool, V, &alice, RL_START_OVERLAID, error);

    return started != NULL && rl_volume_unstart(lab->pool, started, &alice, error);
}

static bool
start_snapshot(Lab *lab, GError **error)
{
    g_autoptr(RlStarted) started = rl_volume_start(lab->pool, SNAPSHOT, &alice, 0, error);

    return started != NULL;
}

static bool
start_direct(Lab *lab, GError **error)
{
    g_autoptr(RlStarted) started = rl_volume_start(lab->pool, DIRECT, &alice, 0, error);

    return started != NULL;
}

static bool
read_direct(Lab *lab, GError **error)
{
    rl_autofd int fd = rl_content_open(lab->pool, DIRECT, false, error);

    return fd >= 0;
}

static bool
tell_capacity(Lab *lab, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, SNAPSHOT, error);
    uint64_t capacity;

    return volume && rl_volume_capacity(volume, &capacity, error);
}

static bool
stop(Lab *lab, GError **error)
{
    RlStop stop;

    return rl_volume_stop(lab->pool, V, &alice, &stop, error);
}

static bool
stop_volatile(Lab *lab, GError **error)
{
    RlStop stop;

    return rl_volume_stop(lab->pool, SCRATCH, &alice, &stop, error);
}

static bool
stop_direct(Lab *lab, GError **error)
{
    RlStop stop;

    return rl_volume_stop(lab->pool, DIRECT, &alice, &stop, error);
}

static bool
grow(Lab *lab, GError **error)
{
    return rl_volume_resize(lab->pool, V, 2 * MIB, true, error);
}

static bool
shrink(Lab *lab, GError **error)
{
    return rl_volume_resize(lab->pool, V, 64 * KIB, false, error);
}

static bool
remove_volume(Lab *lab, GError **error)
{
    return rl_volume_delete(lab->pool, V, true, error);
}

static bool
remove_revision(Lab *lab, GError **error)
{
    g_autoptr(RlName) name = rl_name_parse(V "@7", error);

    return name && rl_revision_delete(lab->pool, name, error);
}

static bool
maintain(Lab *lab, GError **error)
{
    return rl_volume_maintain(lab->pool, V, true, error);
}

static RlStagedImage *
draft_from(Lab *lab, const char *name, GError **error)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    RlPool *pool = rl_pool_open(lab->path, rl_xml_documents(), error);
    g_autoptr(RlStagedImage) draft = pool ? rl_staged_new(pool, name, &access, error) : NULL;
    rl_autofd int from = draft ? rl_content_open(lab->pool, V, false, error) : -1;

    return from >= 0 && rl_staged_fill(draft, from, 2 * MIB, false, error) ? g_steal_pointer(&draft)
                                                                           : NULL;
}

static bool
make_clone(Lab *lab, GError **error)
{
    g_autoptr(RlStagedImage) draft = draft_from(lab, "c/clone", error);

    return draft && rl_staged_create(draft, NULL, 3 * MIB, error);
}

static bool
label(Lab *lab, GError **error)
{
    g_autoptr(RlStagedImage) draft = draft_from(lab, V "@label", error);

    return draft && rl_staged_label(draft, error);
}

static bool
revert(Lab *lab, GError **error)
{
    g_autoptr(RlStagedImage) draft = draft_from(lab, V "@current", error);

    return draft && rl_staged_replace(draft, error);
}

static bool
create_direct(Lab *lab, GError **error)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    g_autoptr(RlRecord) record = rl_record_new(RL_KIND_DIRECT, NULL, MIB);
    RlPool *pool = rl_pool_open(lab->path, rl_xml_documents(), error);
    g_autoptr(RlStagedImage) draft = pool ? rl_staged_new(pool, V, &access, error) : NULL;

    return draft && rl_staged_create(draft, record, MIB, error);
}

static bool
give_up(Lab *lab, GError **error)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    RlPool *pool = rl_pool_open(lab->path, rl_xml_documents(), error);
    g_autoptr(RlStagedImage) draft =
        pool ? rl_staged_new(pool, V "@current", &access, error) : NULL;

    return draft != NULL;
}

static bool
open_pool(Lab *lab, GError **error)
{
    RlPool *pool = rl_pool_open(lab->path, rl_xml_documents(), error);

    rl_pool_close(pool);
    return pool != NULL;
}

static bool
start_scratch(Lab *lab, GError **error)
{
    g_autoptr(RlStarted) started = rl_volume_start(lab->pool, SCRATCH, &alice, 0, error);

    return started != NULL;
}

static bool
upload(Lab *lab, GError **error)
{
    RlPool *pool = rl_pool_open(lab->path, rl_xml_documents(), error);
    RlStagedImage *draft = pool ? rl_upload_begin(pool, V, error) : NULL;
    RlUploadWriter *writer = draft ? rl_upload_writer_new(draft, 0, 0, error) : NULL;

    if (!writer)
        return false;
    rl_autofd int room = rl_upload_writer_room(writer, error);
    if (room < 0) {
        rl_upload_writer_end(writer);
        return false;
    }
    /* The second finds that the first has failed. */
    GError *cause = NULL;
    RlWriterAnswer answer = RL_WRITER_WAIT;
    for (int i = 0; i < 1000 && answer == RL_WRITER_WAIT; i++, g_usleep(1000))
        answer = rl_upload_writer_put(writer, "text", 4, &cause);
    if (answer == RL_WRITER_TAKEN)
        rl_upload_writer_put_hole(writer, 4 * KIB, &cause);
    g_clear_error(&cause);
    return rl_upload_writer_commit(writer, 1000, error);
}

static bool
get_state(Lab *lab, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, error);
    RlState state;

    return volume && rl_state_get(volume, &state, NULL, error) &&
           rl_state_require_idle(volume, "looked at", error);
}

static bool
scan(Lab *lab, GError **error)
{
    g_autoptr(GPtrArray) listed = rl_scan(lab->pool, error);

    return listed != NULL;
}

static bool
space(Lab *lab, GError **error)
{
    uint64_t capacity, available;

    return rl_pool_space(lab->pool, &capacity, &available, error);
}

static bool
set_options(Lab *lab, GError **error)
{
    return rl_pool_set_options(lab->pool, lab->pool->options, error);
}

static bool
build_and_delete(Lab *lab, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(lab->path);
    g_autofree char *path = g_build_filename(parent, "other/pool", NULL);
    RlAccess access = {0700, 0, 0};
    RlPool *pool = NULL;

    if (rl_pool_build(path, lab->pool->options, &access, rl_xml_documents(), error))
        pool = rl_pool_open(path, rl_xml_documents(), error);
    bool done = pool && rl_pool_delete(pool, error);
    rl_pool_close(pool);
    return done;
}

static const Operation operations[] = {
    {"save", running, save, GONE},
    {"keep", running, keep, 0},
    {"keep-below", running, keep_below, 0},
    {"announce", saved, announce, 0},
    {"confirm", restored, confirm, 0},
    {"continue", left, go_on, 0},
    {"discard", left, discard, 0},
    {"start", stopped, start, GONE | AGAIN | LOST},
    {"start-left", left, start, 0},
    {"start-left-by-a-save", saved, start, 0},
    {"start-restored", announced, start_restored, 0},
    {"start-kept", kept, start_overlaid, LOST},
    {"start-unnumbered", unnumbered, start, 0},
    {"start-shared", shared, start, 0},
    {"start-snapshot", snapshot, start_snapshot, 0},
    {"start-direct-shared", shared_direct, start_direct, GONE},
    {"stop", running, stop, GONE | LOST},
    {"stop-linked", running_linked, stop, 0},
    {"stop-volatile", running_volatile, stop_volatile, 0},
    {"stop-direct", running_direct, stop_direct, 0},
    {"grow", committed, grow, GONE | LOST},
    {"grow-running", running, grow, 0},
    {"shrink-running", running, shrink, 0},
    {"delete", committed, remove_volume, GONE},
    {"delete-revision", linked, remove_revision, 0},
    {"maintain", left, maintain, 0},
    {"maintain-stopped", stopped, maintain, GONE},
    {"maintain-remains", remains, maintain, 0},
    {"create-over-remains", remains, create_direct, 0},
    {"give-up", stopped, give_up, LOST},
    {"start-precache", committed, start, 0},
    {"start-volatile", scratch, start_scratch, 0},
    {"stop-volatile-resized", resized_volatile, stop_volatile, 0},
    {"open", nothing, open_pool, AGAIN},
    {"clone", stopped, make_clone, 0},
    {"label", stopped, label, 0},
    {"revert", committed, revert, 0},
    {"upload", committed, upload, AGAIN},
    {"state", left, get_state, 0},
    {"capacity", snapshot, tell_capacity, 0},
    {"read-direct", left_direct, read_direct, 0},
    {"scan", committed, scan, 0},
    {"space", nothing, space, 0},
    {"options", nothing, set_options, AGAIN},
    {"pool", nothing, build_and_delete, LOST},
    {"prune", too_many, maintain, 0},
};

static void
test_every_call(Lab *lab)
{
    fail_every_call(lab, operations, G_N_ELEMENTS(operations));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    lab_add_on("/every-call/fails", "xfs", test_every_call);
    return g_test_run();
}
