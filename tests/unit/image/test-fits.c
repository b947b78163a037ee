/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* A domain's memory is restored only on the disks that it was saved with. */
#include "common/image/restore-fit.h"

#include "common/base/autofd.h"
#include "common/format/image-id.h"
#include "common/format/image-save.h"
#include "common/fs/xattr.h"
#include "common/operation/save.h"
#include "harness/lab.h"

#include <fcntl.h>
#include <string.h>

#define V "a/b/private"
#define SECONDS(n) ((gint64) (n) *G_USEC_PER_SEC)

/* Two saves of alice, and the files they are in. */
static const RlMemory monday = {.digest = (char *) "aaaa", .save = (char *) "monday-id"},
                      tuesday = {.digest = (char *) "bbbb", .save = (char *) "tuesday-id"},
                      unknown = {.save = (char *) "some-id"};

static RlDomainRef
alice_with(const RlMemory *memory)
{
    RlDomainRef owner = alice;

    owner.memory = memory;
    return owner;
}

static void
run_and_save(Lab *lab, const char *name, const char *text, const RlMemory *memory)
{
    RlDomainRef owner = alice_with(memory);
    g_autoptr(GError) error = NULL;
    bool done = false;

    if (!image_is_there(lab, name, RL_FILE_DIRTY))
        lab_start(lab, name, &alice);
    image_write(lab, name, RL_FILE_DIRTY, text);
    g_assert_true(rl_volume_save(lab->pool, name, &owner, &done, &error));
    g_assert_no_error(error);
    g_assert_true(done);
}

static RlStarted *
try_restore(Lab *lab, const char *name, const RlMemory *memory, GError **error)
{
    RlDomainRef owner = alice_with(memory);

    g_assert_true(rl_volume_announce_restore(lab->pool, name, &owner, NULL));
    return rl_volume_start(lab->pool, name, &owner, RL_START_RESTORED, error);
}

static void
restores(Lab *lab, const char *name, const RlMemory *memory)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RlStarted) started = try_restore(lab, name, memory, &error);

    g_assert_no_error(error);
    g_assert_true(started->continued);
}

/* It does, and runs. */
static void
restores_and_runs(Lab *lab, const char *name, const RlMemory *memory)
{
    restores(lab, name, memory);
    g_assert_true(rl_volume_confirm(lab->pool, name, &alice, NULL));
}

/* Refused for the reason @words; nothing has changed. */
static void
restore_fails(Lab *lab, const char *name, const RlMemory *memory, const char *words)
{
    g_autofree char *path = lab_file(lab, name, RL_FILE_DIRTY);
    g_autofree char *before = read_at(path, 0, 8), *after = NULL;
    GError *error = NULL;

    g_assert_null(try_restore(lab, name, memory, &error));
    g_assert_nonnull(strstr(error->message, name));
    g_assert_nonnull(strstr(error->message, "virt-reflink continue"));
    take_error(error, RL_ERROR_STATE, words);
    after = read_at(path, 0, 8);
    g_assert_cmpstr(before, ==, after);
}

/* As if its run had begun a minute ago. */
static void
age(Lab *lab, const char *name)
{
    rl_autofd int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDONLY);
    g_autoptr(RlImageOwner) run = NULL;

    g_assert_true(rl_image_owner_get(fd, &run, NULL));
    run->since_us -= SECONDS(60);
    g_assert_true(rl_image_owner_put_back(fd, run, NULL));
}

static struct stat
look_at(Lab *lab, const char *name)
{
    g_autofree char *path = lab_file(lab, name, RL_FILE_DIRTY);

    return look(path);
}

static RlSave *
save_of(Lab *lab, const char *name)
{
    rl_autofd int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDONLY);
    RlSave *save = NULL;

    g_assert_true(rl_save_get(fd, &save, NULL));
    return save;
}

/* As image_write(), and a second later: files are dated by the tick of a clock. */
static void
change(Lab *lab, const char *name, const char *text)
{
    g_autofree char *path = lab_file(lab, name, RL_FILE_DIRTY);
    struct stat st = look(path);

    image_write(lab, name, RL_FILE_DIRTY, text);
    set_mtime(path, st.st_mtim.tv_sec + 1, st.st_mtim.tv_nsec);
}

/* All kinds have a note, and a restore that fits goes on as often as it is tried. */
static void
test_fitting(Lab *lab)
{
    const char *const names[] = {V, "a/root", "a/scratch", "db/main"};

    lab_create(lab, V, "one", MIB);
    lab_create(lab, "t/root", "one", MIB);
    lab_create_kind(lab, "a/root", RL_KIND_SNAPSHOT, "t/root", NULL, 0);
    lab_create_kind(lab, "a/scratch", RL_KIND_VOLATILE, NULL, NULL, MIB);
    lab_create_kind(lab, "db/main", RL_KIND_DIRECT, NULL, "one", MIB);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        bool done;
        run_and_save(lab, names[i], "mine", &monday);
        restore_fails(lab, names[i], &tuesday, "another save");
        restores(lab, names[i], &monday);
        g_assert_true(rl_volume_keep(lab->pool, names[i], &alice, &done, NULL));
        restore_fails(lab, names[i], &tuesday, "another save");
        restores(lab, names[i], &monday);
        g_assert_true(rl_volume_confirm(lab->pool, names[i], &alice, NULL));
        lab_crash(lab, names[i]);
        /* It may have written since: a power cut leaves an older date. */
        restore_fails(lab, names[i], &monday, "run on");
    }
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    rl_autofd int fd = open(clean, O_RDONLY | O_CLOEXEC);
    g_autoptr(RlSave) save = NULL;
    g_assert_true(rl_save_get(fd, &save, NULL));
    g_assert_null(save);
}

/* What it was saved in is not known when it is saved, but when it has been restored from that. */
static void
test_earlier(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    run_and_save(lab, V, "mon", &unknown);
    restores_and_runs(lab, V, &monday);
    run_and_save(lab, V, "tue", &unknown);
    restore_fails(lab, V, &monday, "earlier save");
    restores_and_runs(lab, V, &tuesday);
    change(lab, V, "wed");
    restore_fails(lab, V, &monday, "run on");
    restore_fails(lab, V, &tuesday, "run on");
    for (int i = 0; i < 12; i++) {
        g_autofree char *digest = g_strdup_printf("digest %d", i);
        RlMemory memory = {.digest = digest};
        run_and_save(lab, V, digest, &unknown);
        restores_and_runs(lab, V, &memory);
    }
    g_autoptr(RlSave) save = save_of(lab, V);
    g_assert_cmpuint(g_strv_length(save->earlier), ==, 8);
    g_assert_cmpstr(save->memory, ==, "digest 11");
}

/* A wrong memory that was tried, and did not run, does not shut out the right one. */
static void
test_tried(Lab *lab)
{
    bool done;

    lab_create(lab, V, "one", MIB);
    run_and_save(lab, V, "mon", &unknown);
    restores(lab, V, &tuesday);
    g_assert_true(rl_volume_keep(lab->pool, V, &alice, &done, NULL));
    restores_and_runs(lab, V, &monday);
    run_and_save(lab, V, "tue", &unknown);
    restore_fails(lab, V, &monday, "earlier save");
}

/* The date of most files is exact to a tick; one of whole seconds may be one of two. */
static void
test_exact_dates(Lab *lab)
{
    gint64 before_us = g_get_real_time() / SECONDS(1) * SECONDS(1);
    const RlMemory exact = {.date_us = before_us - 300000}, whole = {.date_us = before_us};

    lab_create(lab, V, "one", MIB);
    run_and_save(lab, V, "mon", &unknown);
    restore_fails(lab, V, &exact, "before the run");
    restores(lab, V, &whole);
}

static void
test_dates(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    run_and_save(lab, V, "mon", &unknown);
    gint64 now = g_get_real_time();
    const RlMemory before = {.file = (char *) "/some/file", .date_us = now - SECONDS(60)},
                   within = {.date_us = now}, copied = {.date_us = now + SECONDS(60)},
                   put_back = {.date_us = now + SECONDS(60), .save = (char *) "other-id"},
                   same = {.date_us = now, .save = (char *) "other-id"},
                   noted = {.date_us = now + SECONDS(60), .save = (char *) "some-id"};

    restore_fails(lab, V, &before, "/some/file");
    restore_fails(lab, V, &before, "before the run");
    restore_fails(lab, V, &put_back, "put back");
    const RlMemory *const good[] = {&within, &copied, &same, &noted, NULL};
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        restores(lab, V, good[i]);
        image_set_attr(lab, V, RL_ATTR_HOLD, "saved");
    }
}

/* A snapshot leaves memory of a run as well, which then goes on. */
static void
test_checkpoint(Lab *lab)
{
    gint64 now = g_get_real_time();
    const RlMemory checkpoint = {.date_us = now - SECONDS(30)};
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    age(lab, V);
    image_write(lab, V, RL_FILE_DIRTY, "later");
    restore_fails(lab, V, &checkpoint, "after the memory was written");
    run_and_save(lab, V, "later", &unknown);
    restore_fails(lab, V, &checkpoint, "after the memory was written");

    /* What was not written to since fits both; so does what has the date of a clean image from
     * another clock. */
    const gint64 dates[] = {now - SECONDS(31), now + SECONDS(3600)};
    for (size_t i = 0; i < G_N_ELEMENTS(dates); i++) {
        set_mtime(dirty, dates[i] / G_USEC_PER_SEC, 0);
        image_set_attr(lab, V, RL_ATTR_HOLD, NULL);
        RlDomainRef owner = alice_with(&unknown);
        g_assert_true(rl_volume_save(lab->pool, V, &owner, &done, NULL));
        restores(lab, V, &checkpoint);
        age(lab, V);
    }
}

/* Nobody has marked it: it was saved, and the hook was killed; or it runs on, or did. */
static void
test_unmarked(Lab *lab)
{
    gint64 now = g_get_real_time();
    const RlMemory before = {.digest = (char *) "x", .date_us = now - SECONDS(60)},
                   since = {.digest = (char *) "x", .date_us = now + SECONDS(60)},
                   put_back = {
                       .date_us = now + SECONDS(60), .save = (char *) "id", .save_us = G_MAXINT64};

    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, "a/scratch", RL_KIND_VOLATILE, NULL, NULL, MIB);
    const char *const names[] = {V, "a/scratch"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        lab_start(lab, names[i], &alice);
        image_write(lab, names[i], RL_FILE_DIRTY, "mine");
        restore_fails(lab, names[i], &before, "last run");
        restore_fails(lab, names[i], &put_back, "put back");
        restores(lab, names[i], &since);
        image_set_attr(lab, names[i], RL_ATTR_HOLD, NULL);
        image_set_attr(lab, names[i], RL_ATTR_SAVE, NULL);
        lab_crash(lab, names[i]);
        restore_fails(lab, names[i], &since, "host");
    }
}

/* What was done to the image since it was marked. */
static void
test_changed(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);

    lab_create(lab, V, "one", MIB);
    run_and_save(lab, V, "mon", &monday);
    struct stat st = look(dirty);
    change(lab, V, "fsck");
    restore_fails(lab, V, &monday, "changed");
    restore_fails(lab, V, NULL, "changed");
    set_mtime(dirty, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    restores(lab, V, &monday);
    image_set_attr(lab, V, RL_ATTR_HOLD, "saved");
    set_size(dirty, 2 * MIB);
    set_mtime(dirty, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    restore_fails(lab, V, &monday, "changed");

    /* Without its memory it goes on whatever that is. */
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    lab_start(lab, V, &alice);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
}

/* A person who says that it goes on has not changed it. */
static void
test_continued(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    run_and_save(lab, V, "mon", &monday);
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    restore_fails(lab, V, &tuesday, "another save");
    restores_and_runs(lab, V, &monday);
    run_and_save(lab, V, "tue", &tuesday);
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    lab_start(lab, V, &alice);
    change(lab, V, "wed");
    restore_fails(lab, V, &tuesday, "run on");
}

/* A person who says that what a crash left goes on, has not made it fit what was saved before. */
static void
test_continued_after_a_crash(Lab *lab)
{
    gint64 now = g_get_real_time();
    const RlMemory old = {.date_us = now - SECONDS(60)}, since = {.date_us = now + SECONDS(60)};

    lab_create(lab, V, "one", MIB);
    run_and_save(lab, V, "mon", &unknown);
    restores_and_runs(lab, V, &monday);
    struct stat st = look_at(lab, V);
    lab_crash(lab, V);
    restore_fails(lab, V, &monday, "run on");
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    g_assert_cmpint(look_at(lab, V).st_mtim.tv_nsec, ==, st.st_mtim.tv_nsec);
    restore_fails(lab, V, &monday, "earlier save");
    restore_fails(lab, V, &old, "before the run");
    lab_start(lab, V, &alice);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);

    /* Its daemon was killed, its host was not: what it was saved as since fits. */
    lab_start(lab, V, &alice);
    age(lab, V);
    image_write(lab, V, RL_FILE_DIRTY, "wed");
    image_set_attr(lab, V, RL_ATTR_HOLD, "suspect");
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    const RlMemory before = {.date_us = now - SECONDS(120)};
    restore_fails(lab, V, &before, "before the run");
    restores(lab, V, &since);
}

/* Nor has one who went on with it by hand, to look at it, and left it. */
static void
test_continued_by_hand(Lab *lab)
{
    const RlDomainRef by_hand = {.driver = RL_OWNER_BY_HAND, .uuid = "by hand", .name = "by hand"};
    const RlMemory old = {.date_us = g_get_real_time() - SECONDS(60)};

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    lab_crash(lab, V);
    lab_start(lab, V, &by_hand);
    lab_crash(lab, V);
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    restore_fails(lab, V, &old, "before the run");
    lab_start(lab, V, &alice);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
}

/* The end of the run was cut off when the image had lost its notes, and not yet its name. */
static void
test_cut_off_end(Lab *lab)
{
    const RlMemory old = {.date_us = g_get_real_time() - SECONDS(60)};

    lab_create(lab, V, "one", MIB);
    run_and_save(lab, V, "mon", &monday);
    restores_and_runs(lab, V, &monday);
    change(lab, V, "two");
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    g_assert_true(rl_image_id_renew(fd, 1, NULL));
    rl_fd_close(&fd);
    restore_fails(lab, V, &monday, "has ended");
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    restore_fails(lab, V, &old, "before the run");
    lab_start(lab, V, &alice);
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
}

/* Saved by a version that noted no saves: nothing to compare. */
static void
test_without_a_note(Lab *lab)
{
    const char *const holds[] = {"saved", "restored", "kept"};

    lab_create(lab, V, "one", MIB);
    for (size_t i = 0; i < G_N_ELEMENTS(holds); i++) {
        run_and_save(lab, V, "mon", &monday);
        image_set_attr(lab, V, RL_ATTR_SAVE, NULL);
        image_set_attr(lab, V, RL_ATTR_HOLD, holds[i]);
        lab_crash(lab, V);
        restores_and_runs(lab, V, &tuesday);
        change(lab, V, "two");
        restore_fails(lab, V, &tuesday, "run on");
        lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    }
}

/* What nobody writes to is the same for all memories. */
static void
test_only_read(Lab *lab)
{
    g_autoptr(RlStarted) started = NULL;
    RlDomainRef owner = alice_with(&monday);
    bool done;

    lab_create(lab, V, "one", MIB);
    started = rl_volume_start(lab->pool, V, &alice, RL_START_READONLY, NULL);
    g_assert_nonnull(started);
    g_assert_true(rl_volume_save(lab->pool, V, &owner, &done, NULL));
    restores_and_runs(lab, V, &tuesday);
}

static void
test_damaged(Lab *lab)
{
    const char *const values[] = {"", "nothing", "[save]\n", "[save]\ndate=1\ndate-ns=x\nsize=1\n"};

    lab_create(lab, V, "one", MIB);
    run_and_save(lab, V, "mon", &monday);
    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        GError *error = NULL;
        image_set_attr(lab, V, RL_ATTR_SAVE, values[i]);
        g_assert_null(try_restore(lab, V, &monday, &error));
        take_error(error, RL_ERROR_STATE, "damaged");
    }
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    lab_start(lab, V, &alice);
    run_and_save(lab, V, "tue", &tuesday);
    restores(lab, V, &tuesday);
}

/* Does the clean image fit the memory of that date, which another image noted then? */
static bool
fits_clean_noted(Lab *lab, gint64 date_us, gint64 noted_us)
{
    const RlMemory memory = {.date_us = date_us, .noted_us = noted_us};
    RlDomainRef owner = alice_with(&memory);
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, NULL);
    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    GError *error = NULL;
    bool fits = rl_fits_require_at_rest(volume, volume->clean_file, fd, &owner, &error);

    if (!fits)
        take_error(error, RL_ERROR_STATE, "only reads & changed after");
    return fits;
}

static bool
fits_clean(Lab *lab, gint64 date_us)
{
    return fits_clean_noted(lab, date_us, 0);
}

/* What a domain reads by its path. */
static void
test_clean_by_path(Lab *lab)
{
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_usleep(20 * 1000);
    gint64 before_us = g_get_real_time();
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    /* It was written before that, and became the clean image after. */
    g_assert_false(fits_clean(lab, before_us));
    g_assert_true(fits_clean(lab, g_get_real_time()));
    g_assert_true(fits_clean(lab, 0));
    /* The file was edited, or copied, since. */
    g_assert_false(fits_clean_noted(lab, g_get_real_time(), before_us));
    g_assert_false(fits_clean_noted(lab, 0, before_us));
    g_assert_true(fits_clean_noted(lab, g_get_real_time(), g_get_real_time()));
    g_assert_false(fits_clean_noted(lab, before_us, g_get_real_time()));
    /* An edit in place. */
    set_mtime(clean, (time_t) (g_get_real_time() / G_USEC_PER_SEC) + 60, 0);
    g_assert_false(fits_clean(lab, g_get_real_time()));
    set_mtime(clean, 1000, 0);
    /* A backup that was put back; and what an earlier version has committed. */
    rl_autofd int fd = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    g_assert_true(rl_xattr_remove(fd, RL_ATTR_CLEAN_SINCE, NULL));
    g_assert_true(fits_clean(lab, before_us));
    g_assert_false(fits_clean(lab, SECONDS(2000)));
}

/* A date that no calendar has is said all the same; so is a file's that is not known. */
static void
test_unreadable_dates(Lab *lab)
{
    const RlMemory far = {.digest = (char *) "zzzz", .date_us = SECONDS(300000000000)};

    lab_create(lab, V, "one", MIB);
    run_and_save(lab, V, "mon", &monday);
    restore_fails(lab, V, &far, "unknown time");
    restores(lab, V, &monday);
}

/* The run was kept, for it may have been saved: no other save is in the way. */
static void
test_kept_without_an_id(Lab *lab)
{
    const RlMemory later = {.date_us = g_get_real_time() + SECONDS(60),
                            .save = (char *) "other-id"};
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    g_assert_true(rl_volume_keep(lab->pool, V, &alice, &done, NULL));
    restores(lab, V, &later);
    image_is(lab, V, RL_FILE_DIRTY, "two");
}

/* When the run began is not known: what the dates of the save itself say still counts. */
static void
test_begun_at_no_known_time(Lab *lab)
{
    gint64 now = g_get_real_time();
    const RlMemory before = {.date_us = now - SECONDS(60)}, within = {.date_us = now},
                   put_back = {.date_us = now, .save = (char *) "other-id"};
    g_autofree char *text = NULL;

    lab_create(lab, V, "one", MIB);
    run_and_save(lab, V, "mon", &unknown);
    rl_autofd int fd = image_open(lab, V, RL_FILE_DIRTY, O_RDONLY);
    g_assert_true(rl_xattr_get(fd, RL_ATTR_SAVE, &text, NULL));
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_assert_true(g_key_file_load_from_data(file, text, (gsize) -1, G_KEY_FILE_NONE, NULL));
    g_key_file_set_int64(file, "save", "begun", 0);
    g_autofree char *changed = g_key_file_to_data(file, NULL, NULL);
    g_assert_true(rl_xattr_set(fd, RL_ATTR_SAVE, changed, NULL));
    restore_fails(lab, V, &before, "after the memory was written");
    restore_fails(lab, V, &put_back, "put back");
    restores(lab, V, &within);
}

/* It ran on since its save: what is known of that is refused, and what is of no known save is not
 * taken for it. */
static void
test_ran_on(Lab *lab)
{
    const RlMemory later = {.digest = (char *) "cccc", .date_us = g_get_real_time() + SECONDS(60)},
                   of_before = {.date_us = g_get_real_time() + SECONDS(60),
                                .save = (char *) "id",
                                .save_us = 1};

    lab_create(lab, V, "one", MIB);
    run_and_save(lab, V, "mon", &monday);
    restores(lab, V, &monday);
    change(lab, V, "tried");
    restore_fails(lab, V, &monday, "run on");
    g_assert_true(rl_volume_confirm(lab->pool, V, &alice, NULL));
    restore_fails(lab, V, &monday, "run on");
    restore_fails(lab, V, NULL, "written to since");
    restores(lab, V, &of_before);
    change(lab, V, "later");
    image_set_attr(lab, V, RL_ATTR_HOLD, NULL);
    restores(lab, V, &later);
    image_is(lab, V, RL_FILE_DIRTY, "later");
}

/* Nothing is known of the memory, nor of a save. */
static void
test_nothing_known(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    restores(lab, V, NULL);
    image_is(lab, V, RL_FILE_DIRTY, "two");
}

void
add_tests(void)
{
    lab_add("/fits/unreadable-dates", test_unreadable_dates);
    lab_add("/fits/kept-without-an-id", test_kept_without_an_id);
    lab_add("/fits/begun-at-no-known-time", test_begun_at_no_known_time);
    lab_add("/fits/ran-on", test_ran_on);
    lab_add("/fits/nothing-known", test_nothing_known);
    lab_add("/fits/clean-by-path", test_clean_by_path);
    lab_add("/fits/fitting", test_fitting);
    lab_add("/fits/earlier", test_earlier);
    lab_add("/fits/tried", test_tried);
    lab_add("/fits/dates", test_dates);
    lab_add("/fits/exact-dates", test_exact_dates);
    lab_add("/fits/checkpoint", test_checkpoint);
    lab_add("/fits/unmarked", test_unmarked);
    lab_add("/fits/changed", test_changed);
    lab_add("/fits/continued", test_continued);
    lab_add("/fits/continued-after-a-crash", test_continued_after_a_crash);
    lab_add("/fits/continued-by-hand", test_continued_by_hand);
    lab_add("/fits/cut-off-end", test_cut_off_end);
    lab_add("/fits/without-a-note", test_without_a_note);
    lab_add("/fits/only-read", test_only_read);
    lab_add("/fits/damaged", test_damaged);
}
