/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs */
/* What others do between two system calls of an operation. */
#include "common/base/autofd.h"
#include "common/base/random.h"
#include "common/format/image-id.h"
#include "common/fs/reflink.h"
#include "common/fs/sparse-copy.h"
#include "common/fs/xattr.h"
#include "common/image/content.h"
#include "common/operation/delete.h"
#include "common/operation/resize.h"
#include "common/operation/staged-image.h"
#include "common/operation/upload.h"
#include "harness/disturb.h"
#include "harness/staged.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#define V "a/b/private"
#define DIRECT "a/b/direct"
#define SNAPSHOT "a/b/snapshot"

/* What was opened or begun before. */
static int from, to;
static RlStagedImage *draft;

/* Tries it, and wants it to fail so; or not to fail, if @code is 0. */
static void
try(Lab *lab, Disturbance disturbance, Attempt attempt, int code, const char *words)
{
    GError *error = NULL;
    bool done = disturb(lab, &disturbance, attempt, &error);

    g_assert_cmpint(disturbance.made, >=, disturbance.first);
    g_assert_cmpint(done, ==, code == 0);
    if (code)
        take_error(error, code, words);
    g_assert_no_error(done ? error : NULL);
}

static int
remove_it(Lab *lab)
{
    GError *error = NULL;

    g_assert_true(rl_volume_delete(lab->pool, V, RL_DELETE_NAMED, &error));
    g_assert_no_error(error);
    return 0;
}

static int
start_it(Lab *lab)
{
    lab_start(lab, V, &alice);
    return 0;
}

/* With a precache the next start would need no other image. */
static int
run_it(Lab *lab)
{
    g_autofree char *precache = lab_file(lab, V, RL_FILE_PRECACHE);

    lab_run(lab, V, "again");
    g_assert_cmpint(unlink(precache), ==, 0);
    return 0;
}

/* --- copies and ids */

static int
cut_off(Lab *lab)
{
    (void) lab;
    g_assert_cmpint(ftruncate(from, 0), ==, 0);
    return 0;
}

ATTEMPT(copy, rl_sparse_copy(from, to, NULL, error))

static void
test_copies(Lab *lab)
{
    GError *error = NULL;
    Disturbance size = {.nr = SYS_lseek, .first = 1, .code = EIO},
                holes = {.nr = SYS_lseek, .first = 3, .code = EIO};

    from = lab_open(lab, "from", 0);
    to = lab_open(lab, "to", 0);
    g_assert_cmpint(pwrite(from, "text", 4, 0), ==, 4);
    Disturbance look_at = {.nr = SYS_newfstatat, .also = SYS_fstat, .first = 1, .code = EIO};
    g_assert_false(disturb(lab, &look_at, copy, &error));
    take_errno(g_steal_pointer(&error), EIO, "cannot examine & /from'");
    g_assert_false(disturb(lab, &size, copy, &error));
    take_errno(g_steal_pointer(&error), EIO, "size");
    g_assert_false(disturb(lab, &holes, copy, &error));
    take_errno(g_steal_pointer(&error), EIO, "hole");
    try(lab, (Disturbance){.nr = SYS_pread64, .first = 1, .count = 1, .code = EINTR}, copy, 0, "");
    try(lab, (Disturbance){.nr = SYS_pwrite64, .first = 1, .count = 1, .code = EINTR}, copy, 0, "");
    g_autofree char *path = lab_path(lab, "to"), *text = read_at(path, 0, 5);
    g_assert_cmpstr(text, ==, "text");
    try(lab, (Disturbance){.nr = SYS_pread64, .first = 1, .count = 1, .before = cut_off}, copy, 0,
        "");
    rl_fd_close(&from);
    rl_fd_close(&to);
}

ATTEMPT(reflink, rl_reflink(from, to, error))

static void
test_nocow(Lab *lab)
{
    GError *error = NULL;
    Disturbance set_flags = {.nr = SYS_ioctl, .first = 3, .count = 1, .code = EIO};
    int flags = FS_NOCOW_FL;

    from = lab_open(lab, "from", 0);
    to = lab_open(lab, "to", 0);
    g_assert_cmpint(ioctl(from, FS_IOC_SETFLAGS, &flags), ==, 0);
    g_assert_false(disturb(lab, &set_flags, reflink, &error));
    take_errno(g_steal_pointer(&error), EIO, "NOCOW");
    /* There may be file systems that have the flag and do not let it be set. A reflink that the
     * kernel refuses then is no reason to copy. */
    Disturbance no_flags = {.nr = SYS_ioctl, .first = 4, .code = EINVAL};
    g_assert_false(disturb(lab, &no_flags, reflink, &error));
    take_errno(g_steal_pointer(&error), EINVAL, "reflink");
    flags = 0;
    g_assert_cmpint(ioctl(to, FS_IOC_SETFLAGS, &flags), ==, 0);
    set_flags.code = EOPNOTSUPP;
    try(lab, set_flags, reflink, 0, ""); /* it is asked once more */
    rl_fd_close(&to);
    g_autofree char *path = lab_path(lab, "to");
    g_assert_cmpint(unlink(path), ==, 0);
    to = lab_open(lab, "to", 0);
    try(lab, (Disturbance){.nr = SYS_ioctl, .first = 4, .count = 1, .code = EINTR}, reflink, 0, "");
    rl_fd_close(&from);
    rl_fd_close(&to);
}

/* Whatever a file system says that has none. */
static void
test_no_reflinks(Lab *lab)
{
    const int codes[] = {EOPNOTSUPP, EXDEV, ENOTTY, ENOSYS};

    from = lab_open(lab, "from", 0);
    to = lab_open(lab, "to", 0);
    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++)
        try(lab, (Disturbance){.nr = SYS_ioctl, .first = 3, .code = codes[i]}, reflink,
            RL_ERROR_UNSUPPORTED, "reflink");
    rl_fd_close(&from);
    rl_fd_close(&to);
}

static bool
make_random(Lab *lab, GError **error)
{
    g_autofree char *digits = rl_random_hex(6);

    (void) lab;
    (void) error;
    return strlen(digits) == 6;
}

static void
test_random(Lab *lab)
{
    try(lab, (Disturbance){.nr = SYS_getrandom, .first = 1, .count = 2, .code = EINTR}, make_random,
        0, NULL);
}

static int
give_id(Lab *lab)
{
    bool set;

    (void) lab;
    g_assert_true(rl_xattr_set_new(from, RL_ATTR_ID, "of another process", &set, NULL));
    return 0;
}

static bool
need_id(Lab *lab, GError **error)
{
    g_autofree char *id = NULL;

    (void) lab;
    bool done = rl_image_id_ensure(from, &id, error);
    g_assert_cmpstr(id, ==, "of another process");
    return done;
}

static void
test_one_id(Lab *lab)
{
    from = lab_open(lab, "from", 0);
    try(lab, (Disturbance){.nr = SYS_fsetxattr, .first = 1, .count = 1, .before = give_id}, need_id,
        0, "");
    rl_fd_close(&from);
}

/* --- volumes that are gone, started or changed by the time that somebody has the lock */

ATTEMPT(start, try_start(lab, V, &bob, error))

static bool delete (Lab *lab, GError **error)
{
    return rl_volume_delete(lab->pool, V, RL_DELETE_NAMED, error);
}

ATTEMPT(grow, rl_volume_resize(lab->pool, V, 2 * MIB, false, error))
ATTEMPT(publish_label, rl_staged_label(draft, error))

static void
test_deleted(Lab *lab)
{
    const Disturbance before_the_lock = {
        .nr = SYS_flock, .first = 1, .count = 1, .before = remove_it};
    RlAccess access = RL_ACCESS_DEFAULT;

    lab_create(lab, V, "one", MIB);
    try(lab, before_the_lock, start, RL_ERROR_NOT_FOUND, "'a/b/private'");
    lab_create(lab, V, "one", MIB);
    try(lab, before_the_lock, delete, RL_ERROR_NOT_FOUND, "'a/b/private'");
    lab_create(lab, V, "one", MIB);
    try(lab, before_the_lock, grow, RL_ERROR_NOT_FOUND, "meanwhile");
    lab_create(lab, V, "one", MIB);
    draft = rl_staged_new(lab_pool(lab), V "@label", &access, NULL);
    g_assert_nonnull(draft);
    try(lab, before_the_lock, publish_label, RL_ERROR_NOT_FOUND, "meanwhile");
    g_clear_pointer(&draft, rl_staged_free);
}

static int
make_another(Lab *lab)
{
    remove_it(lab);
    lab_create(lab, V, "other", MIB);
    return 0;
}

static int
run_twice(Lab *lab)
{
    lab_run(lab, V, "two");
    lab_run(lab, V, "three");
    return 0;
}

/* A named revision is of the volume that it was begun of. */
static void
test_another_of_that_name(Lab *lab)
{
    Disturbance before_a_lock = {.nr = SYS_flock, .count = 1};

    lab_options(lab, 2);
    for (before_a_lock.first = 1; before_a_lock.first <= 2; before_a_lock.first++) {
        lab_create(lab, V, "one", MIB);
        draft = staged_begin(lab, V "@label");
        staged_fill(lab, draft, V, 0);
        before_a_lock.before = run_twice;
        try(lab, before_a_lock, publish_label, 0, "");
        g_clear_pointer(&draft, rl_staged_free);
        draft = staged_begin(lab, V "@label2");
        staged_fill(lab, draft, V, 0);
        before_a_lock.before = make_another;
        try(lab, before_a_lock, publish_label, RL_ERROR_BUSY, "'a/b/private@label2'");
        g_clear_pointer(&draft, rl_staged_free);
        assert_revisions(lab, V, "");
        remove_it(lab);
    }
}

static void
test_started(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    try(lab, (Disturbance){.nr = SYS_fsync, .first = 1, .count = 1, .before = start_it}, grow, 0,
        "");
    g_assert_cmpint(image_size(lab, V, RL_FILE_DIRTY), ==, 2 * MIB);
    g_assert_cmpint(image_size(lab, V, RL_FILE_CLEAN), ==, MIB);
}

static void
test_changes_too_often(Lab *lab)
{
    const Disturbance at_each = {.nr = SYS_fsync, .first = 1, .before = run_it};

    lab_create(lab, V, "one", MIB);
    try(lab, at_each, grow, RL_ERROR_BUSY, "'a/b/private' & keep changing");
    g_assert_cmpint(image_size(lab, V, RL_FILE_CLEAN), ==, MIB);
    try(lab, at_each, start, RL_ERROR_BUSY, "'a/b/private' & keep changing");
    g_assert_false(image_is_there(lab, V, RL_FILE_DIRTY));
}

static int
grow_snapshot(Lab *lab)
{
    GError *error = NULL;

    g_assert_true(rl_volume_resize(lab->pool, SNAPSHOT, 2 * MIB, false, &error));
    g_assert_no_error(error);
    return 0;
}

ATTEMPT(start_snapshot, try_start(lab, SNAPSHOT, &bob, error))

/* A size that is recorded while the image is made is that of the image. */
static void
test_resized(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, SNAPSHOT, RL_KIND_SNAPSHOT, V, NULL, 0);
    try(lab, (Disturbance){.nr = SYS_fsync, .first = 1, .count = 1, .before = grow_snapshot},
        start_snapshot, 0, "");
    g_assert_cmpint(image_size(lab, SNAPSHOT, RL_FILE_DIRTY), ==, 2 * MIB);
}

/* --- numbers */

static int asked;

/* A replacement is begun and given up: its number is not given again. The next @fails. */
static int
give_a_number(Lab *lab)
{
    RlAccess access = RL_ACCESS_DEFAULT;

    if (asked++ == 0)
        rl_staged_free(rl_staged_new(lab_pool(lab), V "@current", &access, NULL));
    return 0;
}

static int
give_a_number_and_fail(Lab *lab)
{
    return asked > 0 ? EIO : give_a_number(lab);
}

static void
test_number_meanwhile(Lab *lab)
{
    Disturbance fails = {.nr = SYS_fsync, .first = 1, .before = give_a_number_and_fail};
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    asked = 0;
    g_assert_false(disturb(lab, &fails, grow, &error));
    take_errno(error, EIO, "number");
    asked = 0;
    fails = (Disturbance){.nr = SYS_fsetxattr, .first = 3, .before = give_a_number_and_fail};
    error = NULL;
    g_assert_false(disturb(lab, &fails, grow, &error));
    take_errno(error, EIO, "");
    asked = 0;
    try(lab, (Disturbance){.nr = SYS_fsync, .first = 1, .before = give_a_number}, grow, 0, "");
    lab_run(lab, V, "two");
    assert_revisions(lab, V, "4");
}

ATTEMPT(replace, rl_staged_replace(draft, error))

/* The number that a replacement was given is deleted, and another one is given the next. */
static void
test_numbers_of_two_replacements(Lab *lab)
{
    Disturbance third = {.nr = SYS_fsetxattr, .first = 3, .count = 1, .code = EIO};
    RlAccess access = RL_ACCESS_DEFAULT;
    g_autoptr(RlName) first = rl_name_parse(V "@1", NULL);
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    draft = rl_staged_new(lab_pool(lab), V "@current", &access, NULL);
    g_assert_true(rl_revision_delete(lab->pool, first, &error));
    g_autoptr(RlStagedImage) other = rl_staged_new(lab_pool(lab), V "@current", &access, &error);
    g_assert_no_error(error);
    assert_revisions(lab, V, "2");
    g_assert_false(disturb(lab, &third, replace, &error));
    take_errno(g_steal_pointer(&error), EIO, "");
    third = (Disturbance){.nr = SYS_fsync, .first = 2, .count = 1, .code = EIO};
    g_assert_false(disturb(lab, &third, replace, &error));
    take_errno(g_steal_pointer(&error), EIO, "cannot sync");
    g_clear_pointer(&other, rl_staged_free);
    assert_revisions(lab, V, "");
    third = (Disturbance){.nr = SYS_linkat, .first = 1, .count = 1, .code = EIO};
    g_assert_false(disturb(lab, &third, replace, &error));
    take_errno(error, EIO, "revision");
    g_clear_pointer(&draft, rl_staged_free);
    image_is(lab, V, RL_FILE_CLEAN, "one");
}

/* --- replacements */

static void
make_old(Lab *lab, const char *name)
{
    rl_autofd int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDONLY);
    g_autoptr(RlImageOwner) run = NULL;

    g_assert_true(rl_image_owner_get(fd, &run, NULL));
    g_free(run->boot_id);
    run->boot_id = g_strdup("an earlier one");
    g_assert_true(rl_image_owner_put_back(fd, run, NULL));
}

static void
edit_fails(Lab *lab, RlStagedImage *edit, int code, const char *words)
{
    GError *error = NULL;

    (void) lab;
    g_assert_nonnull(edit);
    g_assert_false(rl_upload_commit(edit, 1000, &error));
    take_error(error, code, words);
    rl_staged_free(edit);
}

static void
test_replaced(Lab *lab)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    RlStagedImage *edit = rl_upload_begin(lab_pool(lab), V, NULL);
    remove_it(lab);
    edit_fails(lab, edit, RL_ERROR_NOT_FOUND, "meanwhile");

    lab_create(lab, V, "one", MIB);
    edit = rl_upload_begin(lab_pool(lab), V, NULL);
    lab_start(lab, V, &alice);
    make_old(lab, V);
    edit_fails(lab, edit, RL_ERROR_STATE, "meanwhile");
    g_assert_null(rl_staged_new(lab_pool(lab), V "@current", &access, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_STATE, "'a/b/private' & left");
    lab_stop(lab, V, &alice, RL_STOP_UNWRITTEN);
    lab_start(lab, V, &alice);
    g_assert_null(rl_staged_new(lab_pool(lab), V "@current", &access, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_STATE, "running");
    lab_stop(lab, V, &alice, RL_STOP_UNWRITTEN);

    RlStagedImage *replacement = rl_staged_new(lab_pool(lab), V "@current", &access, NULL);
    g_assert_nonnull(replacement);
    remove_it(lab);
    rl_staged_free(replacement);
    g_assert_null(rl_upload_begin(lab_pool(lab), V "@1", &error));
    take_error(g_steal_pointer(&error), RL_ERROR_UNSUPPORTED, "read-only");
    g_assert_null(rl_upload_begin(lab_pool(lab), "", &error));
    g_assert_nonnull(error);
    g_error_free(error);
    rl_staged_free(NULL);
}

/* Of an image that stays the same file, its id tells that it was a dirty one meanwhile; one that
 * another program put there has none before. */
static void
test_id_is_another(Lab *lab)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    GError *error = NULL;

    lab_create(lab, V, "one", MIB);
    rl_autofd int clean = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    RlStagedImage *edit = rl_upload_begin(lab_pool(lab), V, NULL);
    g_assert_true(rl_image_id_new(clean, 0, NULL));
    edit_fails(lab, edit, RL_ERROR_STATE, "meanwhile");
    assert_revisions(lab, V, "");

    RlStagedImage *replacement = rl_staged_new(lab_pool(lab), V "@current", &access, NULL);
    g_assert_true(rl_image_id_new(clean, 0, NULL));
    g_assert_false(rl_staged_replace(replacement, &error));
    take_error(g_steal_pointer(&error), RL_ERROR_STATE, "meanwhile");
    rl_staged_free(replacement);
    image_is(lab, V, RL_FILE_CLEAN, "one");

    g_assert_true(rl_xattr_remove(clean, RL_ATTR_ID, NULL));
    g_autoptr(RlStagedImage) of_none = rl_upload_begin(lab_pool(lab), V, NULL);
    g_assert_true(rl_upload_commit(of_none, 1000, &error));
    rl_autofd int next = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    g_assert_true(rl_xattr_remove(next, RL_ATTR_ID, NULL));
    g_autoptr(RlStagedImage) with_none = rl_staged_new(lab_pool(lab), V "@current", &access, NULL);
    rl_staged_free(
        rl_upload_begin(lab_pool(lab), V, NULL)); /* whoever reads it would give it one */
    g_assert_true(rl_staged_replace(with_none, &error));
    g_assert_no_error(error);
}

/* What was replaced is open no more when revisions are pruned, though the upload lives on. */
static void
test_upload_prunes(Lab *lab)
{
    g_autoptr(RlOptions) options = rl_options_new();
    GError *error = NULL;

    rl_options_add_rule(options, V, 0, -1);
    g_assert_true(rl_pool_set_options(lab->pool, options, NULL));
    lab_create(lab, V, "one", MIB);
    g_autoptr(RlStagedImage) edit = rl_upload_begin(lab_pool(lab), V, NULL);
    g_assert_true(rl_upload_commit(edit, 1000, &error));
    g_assert_no_error(error);
    assert_revisions(lab, V, "");
}

static int
start_direct(Lab *lab)
{
    lab_start(lab, DIRECT, &alice);
    return 0;
}

static bool
begin_edit_of_direct(Lab *lab, GError **error)
{
    g_autoptr(RlStagedImage) edit = rl_upload_begin(lab_pool(lab), DIRECT, error);

    return edit != NULL;
}

/* A start that saw no reader writes in place: nobody begins to read before it is done. Later ones
 * leave alone what is read. */
static void
test_edit_of_direct(Lab *lab)
{
    lab_create_kind(lab, DIRECT, RL_KIND_DIRECT, NULL, "one", MIB);
    try(lab, (Disturbance){.nr = SYS_flock, .first = 1, .count = 1, .before = start_direct},
        begin_edit_of_direct, RL_ERROR_STATE, "running");
    lab_stop(lab, DIRECT, &alice, RL_STOP_RETURNED);

    RlStagedImage *edit = rl_upload_begin(lab_pool(lab), DIRECT, NULL);
    lab_start(lab, DIRECT, &alice);
    image_write(lab, DIRECT, RL_FILE_DIRTY, "two");
    lab_stop(lab, DIRECT, &alice, RL_STOP_RETURNED);
    edit_fails(lab, edit, RL_ERROR_STATE, "meanwhile");
    image_is(lab, DIRECT, RL_FILE_CLEAN, "two");
}

static int
stop_direct(Lab *lab)
{
    lab_stop(lab, DIRECT, &alice, RL_STOP_RETURNED);
    return 0;
}

static bool
find_direct(Lab *lab, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(lab->pool, DIRECT, error);

    g_assert_true(!volume || volume->clean.there);
    return volume != NULL;
}

/* Its image has one name, and then the other: between the looks at them it is somewhere. */
static void
test_direct_volume_is_always_there(Lab *lab)
{
    lab_create_kind(lab, DIRECT, RL_KIND_DIRECT, NULL, "one", MIB);
    lab_start(lab, DIRECT, &alice);
    try(lab,
        (Disturbance){.nr = SYS_newfstatat,
                      .also = SYS_fstat, /* glibc's fstat() is this from 2.41 on */
                      .first = 2,
                      .count = 1,
                      .before = stop_direct},
        find_direct, 0, NULL);
}

/* Not with the lock of whoever is disturbed. */
static int
start_direct_if_it_can_be(Lab *lab)
{
    RlLock *lock = rl_lock_take(lab->pool->dev, lab->pool->ino, DIRECT, "test", 0, NULL);

    rl_lock_release(lock);
    return lock ? start_direct(lab) : 0;
}

/* Whose access a named revision gets has one name, and then the other. */
static void
test_label_of_direct(Lab *lab)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    Disturbance at = {
        .nr = SYS_openat, .also = SYS_openat2, .count = 1, .before = start_direct_if_it_can_be};
    GError *error = NULL;

    lab_create_kind(lab, DIRECT, RL_KIND_DIRECT, NULL, "one", MIB);
    for (at.first = 1; at.made >= at.first - 1; at.first++) {
        g_autofree char *text = g_strdup_printf(DIRECT "@label%u", at.first);
        draft = rl_staged_new(lab_pool(lab), text, &access, &error);
        g_assert_no_error(error);
        g_assert_true(disturb(lab, &at, publish_label, &error));
        g_assert_no_error(error);
        g_clear_pointer(&draft, rl_staged_free);
        if (image_is_there(lab, DIRECT, RL_FILE_DIRTY))
            lab_stop(lab, DIRECT, &alice, RL_STOP_RETURNED);
    }
    g_assert_cmpuint(at.first, >, 3);
}

static int
remove_directory(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "n/new");

    g_assert_cmpint(rmdir(path), ==, 0);
    return 0;
}

static bool
create_in_it(Lab *lab, GError **error)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    g_autoptr(RlStagedImage) new = rl_staged_new(lab_pool(lab), "n/new/volume", &access, error);

    return new &&rl_staged_create(new, NULL, MIB, error);
}

static int
replace_directory(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "n/new");

    remove_directory(lab);
    make_file(path, "x");
    return 0;
}

/* By whoever deleted the last volume in it: it is made anew. */
static void
test_directory_is_removed(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "n/new");
    GError *error = NULL;

    try(lab, (Disturbance){.nr = SYS_linkat, .first = 1, .count = 2, .before = remove_directory},
        create_in_it, 0, NULL);
    assert_list(dir, "volume.img");
    g_assert_true(rl_volume_delete(lab->pool, "n/new/volume", 0, NULL));

    /* But not for ever. */
    try(lab, (Disturbance){.nr = SYS_linkat, .first = 1, .before = remove_directory}, create_in_it,
        RL_ERROR_BUSY, "meanwhile & 'n/new/volume'");
    g_assert_false(is_there(dir));

    Disturbance other = {.nr = SYS_linkat, .first = 1, .count = 1, .before = replace_directory};
    g_assert_false(disturb(lab, &other, create_in_it, &error));
    take_errno(error, ENOTDIR, "n/new");
    g_assert_cmpint(unlink(dir), ==, 0);
    g_assert_true(create_in_it(lab, NULL));
}

void
add_tests(void)
{
    lab_add_on("/meanwhile/copies", "xfs btrfs", test_copies);
    lab_add_on("/meanwhile/nocow", "btrfs", test_nocow);
    lab_add_on("/meanwhile/no-reflinks", "xfs btrfs", test_no_reflinks);
    lab_add_on("/meanwhile/random", "xfs", test_random);
    lab_add_on("/meanwhile/one-id", "xfs btrfs", test_one_id);
    lab_add_on("/meanwhile/deleted", "xfs btrfs", test_deleted);
    lab_add("/meanwhile/another-of-that-name", test_another_of_that_name);
    lab_add_on("/meanwhile/started", "xfs btrfs", test_started);
    lab_add_on("/meanwhile/resized", "xfs btrfs", test_resized);
    lab_add_on("/meanwhile/changes-too-often", "xfs btrfs", test_changes_too_often);
    lab_add_on("/meanwhile/number-meanwhile", "xfs btrfs", test_number_meanwhile);
    lab_add_on("/meanwhile/numbers-of-two-replacements", "xfs btrfs",
               test_numbers_of_two_replacements);
    lab_add_on("/meanwhile/id-is-another", "xfs btrfs", test_id_is_another);
    lab_add_on("/meanwhile/upload-prunes", "xfs btrfs", test_upload_prunes);
    lab_add_on("/meanwhile/edit-of-direct", "xfs btrfs", test_edit_of_direct);
    lab_add_on("/meanwhile/label-of-direct", "xfs btrfs", test_label_of_direct);
    lab_add_on("/meanwhile/replaced", "xfs btrfs", test_replaced);
    lab_add_on("/meanwhile/directory-is-removed", "xfs btrfs", test_directory_is_removed);
    lab_add_on("/meanwhile/direct-volume-is-always-there", "xfs btrfs",
               test_direct_volume_is_always_there);
}
