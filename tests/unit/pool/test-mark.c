/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* Nothing is changed where it cannot be seen what images are: in a process without CAP_SYS_ADMIN,
 * in a copy that was made without attributes. */
#include "harness/disturb.h"

#include "common/base/autofd.h"
#include "common/format/image-mark.h"
#include "common/fs/xattr.h"
#include "common/image/content.h"
#include "common/operation/delete.h"
#include "common/operation/maintenance.h"
#include "common/operation/pool-build.h"
#include "common/operation/resize.h"
#include "common/operation/save.h"
#include "common/operation/staged-image.h"
#include "common/operation/upload.h"
#include "common/pool/pool-mark.h"
#include "common/pool/volume-state.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define V "a/b/private"
#define SCRATCH "a/b/volatile"
#define ROOT "a/b/root"
#define POOL_NAME RL_ATTR_PREFIX RL_ATTR_POOL

/* The effective right alone: it can be taken back. */
static void
set_right(bool has)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    const guint32 bit = 1U << CAP_SYS_ADMIN;

    g_assert_cmpint(syscall(SYS_capget, &header, data), ==, 0);
    data[0].effective = has ? data[0].effective | bit : data[0].effective & ~bit;
    g_assert_cmpint(syscall(SYS_capset, &header, data), ==, 0);
}

static char *
marker_text(Lab *lab)
{
    g_autofree char *path = lab_path(lab, RL_POOL_MARKER);
    char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

static char *
mark_of(Lab *lab)
{
    char *mark = NULL;

    g_assert_true(rl_xattr_get(lab->pool->root, RL_ATTR_POOL, &mark, NULL));
    return mark;
}

static void
reopen(Lab *lab)
{
    rl_pool_close(lab->pool);
    lab->pool = lab_pool(lab);
}

/* As c365b3d built it. */
static void
make_old(Lab *lab)
{
    g_autofree char *path = lab_path(lab, RL_POOL_MARKER);
    g_autofree char *text = marker_text(lab);
    char *begin = strstr(text, "  <?"), *end = strstr(text, "?>\n");

    g_assert_nonnull(begin);
    memmove(begin, end + 3, strlen(end + 3) + 1);
    make_file(path, text);
    g_assert_cmpint(removexattr(lab->path, POOL_NAME), ==, 0);
    reopen(lab);
}

static void
forget_all(const char *path)
{
    char names[4096];
    ssize_t length = listxattr(path, names, sizeof(names));

    for (char *name = names; name < names + length; name += strlen(name) + 1)
        if (g_str_has_prefix(name, "trusted."))
            g_assert_cmpint(removexattr(path, name), ==, 0);
}

/* What a copy without attributes has of the pool. */
static void
make_copy(Lab *lab)
{
    g_autofree char *dir = lab_path(lab, "a/b");
    g_autofree char *names = list(dir);
    g_auto(GStrv) files = g_strsplit(names, " ", -1);

    forget_all(lab->path);
    for (char **file = files; *file; file++) {
        g_autofree char *path = g_build_filename(dir, *file, NULL);
        forget_all(path);
    }
    reopen(lab);
}

/* A saved domain's volumes. */
static void
save(Lab *lab)
{
    static const char *const names[] = {V, SCRATCH, ROOT};
    bool done;

    lab_create(lab, V, "one", MIB);
    lab_create(lab, "t/root", "template", MIB);
    lab_create_kind(lab, SCRATCH, RL_KIND_VOLATILE, NULL, NULL, MIB);
    lab_create_kind(lab, ROOT, RL_KIND_SNAPSHOT, "t/root", NULL, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        lab_start(lab, names[i], &alice);
        image_write(lab, names[i], RL_FILE_DIRTY, "saved");
        g_assert_true(rl_volume_save(lab->pool, names[i], &alice, &done, NULL));
        g_assert_true(done);
    }
}

/* --- operations on a volume that has a dirty image; all are to be refused */

static bool
start(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlStarted) started = rl_volume_start(pool, name, &alice, 0, error);

    return started != NULL;
}

static bool
start_readonly(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlStarted) started = rl_volume_start(pool, name, &bob, RL_START_READONLY, error);

    return started != NULL;
}

static bool
restore(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlStarted) started =
        rl_volume_announce_restore(pool, name, &alice, error)
            ? rl_volume_start(pool, name, &alice, RL_START_RESTORED, error)
            : NULL;

    return started != NULL;
}

static bool
stop(const RlPool *pool, const char *name, GError **error)
{
    RlStop stop;

    return rl_volume_stop(pool, name, NULL, &stop, error);
}

static bool
resize(const RlPool *pool, const char *name, GError **error)
{
    return rl_volume_resize(pool, name, 2 * MIB, false, error);
}

static bool delete (const RlPool *pool, const char *name, GError **error)
{
    return rl_volume_delete(pool, name, RL_DELETE_NAMED, error);
}

/* Not for a foreign image: these decide. */
static bool
discard(const RlPool *pool, const char *name, GError **error)
{
    return rl_volume_discard(pool, name, error);
}

static bool
go_on(const RlPool *pool, const char *name, GError **error)
{
    return rl_volume_continue(pool, name, error);
}

static bool
maintain(const RlPool *pool, const char *name, GError **error)
{
    return rl_volume_maintain(pool, name, true, error);
}

static bool (*const changes[])(const RlPool *, const char *, GError **) = {
    start, start_readonly, restore, stop, resize, delete, discard, go_on, maintain,
};
#define DECISIONS 6 /* the first of those that are no change that happens by itself */

static void
all_refused(Lab *lab, size_t count, const char *words)
{
    static const char *const names[] = {V, SCRATCH, ROOT};
    g_autofree char *before = list_tree(lab->path);

    for (size_t n = 0; n < G_N_ELEMENTS(names); n++)
        for (size_t i = 0; i < count; i++) {
            GError *error = NULL;
            g_test_message("change %zu of %s", i, names[n]);
            g_assert_false(changes[i](lab->pool, names[n], &error));
            take_error(error, RL_ERROR_STATE, words);
            image_is(lab, names[n], RL_FILE_DIRTY, "saved");
        }
    g_autofree char *after = list_tree(lab->path);
    g_assert_cmpstr(after, ==, before);
}

static void
nothing_changes(Lab *lab, const char *words)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    GError *error = NULL;

    all_refused(lab, G_N_ELEMENTS(changes), words);
    g_autoptr(RlStagedImage) draft = rl_staged_new(lab_pool(lab), "new", &access, &error);
    if (draft)
        g_assert_false(rl_staged_create(draft, NULL, MIB, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_assert_null(rl_upload_begin(lab_pool(lab), "t/root", &error));
    take_error(g_steal_pointer(&error), RL_ERROR_STATE, words);
    /* What is at rest can be read. */
    rl_autofd int fd = rl_content_open(lab->pool, "t/root", false, &error);
    g_assert_no_error(error);
    g_assert_cmpint(fd, >=, 0);
}

/* --- */

static void
test_new_pool_has_a_mark(Lab *lab)
{
    g_autofree char *mark = mark_of(lab), *text = marker_text(lab);
    g_autofree char *wanted = g_strdup_printf("<?reflink-mark %s?>", mark);

    g_assert_cmpuint(strlen(mark), ==, 32);
    g_assert_nonnull(strstr(text, wanted));
    g_assert_true(rl_pool_mark_check(lab->pool, NULL));
    lab_options(lab, 7);
    g_autofree char *again = marker_text(lab);
    g_assert_nonnull(strstr(again, wanted));
    g_assert_nonnull(strstr(again, "keep='7'"));
}

static void
test_without_the_right(Lab *lab)
{
    save(lab);
    set_right(false);
    nothing_changes(lab, "CAP_SYS_ADMIN");
    set_right(true);
    make_old(lab);
    set_right(false);
    nothing_changes(lab, "CAP_SYS_ADMIN");
    set_right(true);
    g_autofree char *mark = mark_of(lab);
    g_assert_null(mark);
}

static void
test_old_pool(Lab *lab)
{
    lab_options(lab, 5);
    lab_create(lab, V, "one", MIB);
    make_old(lab);
    g_assert_true(rl_pool_mark_check(lab->pool, NULL));
    g_autofree char *none = mark_of(lab);
    g_assert_null(none);
    lab_start(lab, V, &alice);
    g_autofree char *mark = mark_of(lab), *text = marker_text(lab);
    g_assert_nonnull(mark);
    g_assert_nonnull(strstr(text, mark));
    g_assert_nonnull(strstr(text, "keep='5'"));
    image_write(lab, V, RL_FILE_DIRTY, "two");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);

    /* An earlier version has written the marker since. */
    make_old(lab);
    g_assert_cmpint(setxattr(lab->path, POOL_NAME, mark, strlen(mark), 0), ==, 0);
    lab_start(lab, V, &alice);
    g_autofree char *again = marker_text(lab);
    g_assert_nonnull(strstr(again, mark));
    /* Nor does what is changed by who has read it before lose the mark. */
    lab_options(lab, 6);
    g_autofree char *last = marker_text(lab);
    g_assert_nonnull(strstr(last, mark));
}

/* A full or read-only disk, say: the right is there, the mark is not. */
static void
test_old_pool_that_gets_no_mark(Lab *lab)
{
    g_autofree char *path = lab_path(lab, RL_POOL_MARKER);

    lab_create(lab, V, "one", MIB);
    make_old(lab);
    g_autofree char *hide = g_strdup_printf("mv %s %s.away", path, path);
    g_assert_cmpint(system(hide), ==, 0);
    lab_start(lab, V, &alice);
    image_write(lab, V, RL_FILE_DIRTY, "two");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
}

static void
build(Lab *lab)
{
    const RlAccess as_is = {(mode_t) -1, (uid_t) -1, (gid_t) -1};
    GError *error = NULL;

    g_assert_true(
        rl_pool_build(lab->path, lab->pool->options, &as_is, lab->pool->documents, &error));
    g_assert_no_error(error);
    reopen(lab);
}

static int
mark_meanwhile(Lab *lab)
{
    g_autoptr(RlPool) pool = lab_pool(lab);

    g_assert_true(rl_pool_mark_require(pool, NULL));
    return 0;
}

ATTEMPT(require_mark, rl_pool_mark_require(lab->pool, error))

/* Two processes give an old pool its mark, as when many domains start after an upgrade: at each
 * call of the one the other does it in between. */
static void
test_old_pool_for_two(Lab *lab)
{
    Disturbance other = {.nr = SYS_fsetxattr, .also = SYS_fgetxattr, .before = mark_meanwhile};

    for (guint i = 1; i <= 2; i++) {
        GError *error = NULL;
        other.first = i;
        other.count = 1;
        make_old(lab);
        reopen(lab);
        g_assert_true(disturb(lab, &other, require_mark, &error));
        g_assert_no_error(error);
        reopen(lab);
        g_assert_true(rl_pool_mark_check(lab->pool, &error));
        g_assert_no_error(error);
        g_autofree char *mark = mark_of(lab);
        g_assert_cmpstr(mark, ==, lab->pool->options->mark);
    }
}

static void
test_copy(Lab *lab)
{
    GError *error = NULL;

    save(lab);
    g_autofree char *before = mark_of(lab);
    build(lab);
    g_autofree char *same = mark_of(lab);
    g_assert_cmpstr(same, ==, before);

    make_copy(lab);
    nothing_changes(lab, "attributes");
    build(lab);
    g_autofree char *other = mark_of(lab);
    g_assert_cmpstr(other, !=, before);

    /* Taken over. Now a person decides of each dirty image. */
    all_refused(lab, DECISIONS, "no attributes of the pool");
    g_autoptr(RlVolume) volume = rl_volume_find(lab->pool, V, NULL);
    RlState state;
    g_assert_true(rl_state_get(volume, &state, NULL, NULL));
    g_assert_cmpint(state, ==, RL_STATE_FOREIGN);
    g_assert_true(rl_volume_continue(lab->pool, V, &error));
    g_assert_true(rl_volume_continue(lab->pool, ROOT, &error));
    g_assert_true(rl_volume_discard(lab->pool, SCRATCH, &error));
    g_assert_no_error(error);
    lab_start(lab, V, &alice);
    lab_start(lab, ROOT, &alice);
    lab_start(lab, SCRATCH, &alice);
    image_is(lab, V, RL_FILE_DIRTY, "saved");
    image_is(lab, ROOT, RL_FILE_DIRTY, "saved");
    lab_stop(lab, V, &alice, RL_STOP_COMMITTED);
    lab_stop(lab, ROOT, &alice, RL_STOP_DROPPED);
    image_is(lab, V, RL_FILE_CLEAN, "saved");
}

/* Its directory was another pool's. */
static void
test_copy_over_another_pool(Lab *lab)
{
    save(lab);
    make_copy(lab);
    g_assert_cmpint(setxattr(lab->path, POOL_NAME, "another", 7, 0), ==, 0);
    nothing_changes(lab, "attributes");
    build(lab);
    g_assert_true(rl_pool_mark_check(lab->pool, NULL));
}

/* One image alone, put back from a backup: an adopted direct volume's as well. */
static void
test_one_image(Lab *lab)
{
    g_autofree char *dirty = lab_file(lab, V, RL_FILE_DIRTY);
    RlAccess access = RL_ACCESS_DEFAULT;
    GError *error = NULL;

    lab_create_kind(lab, V, RL_KIND_DIRECT, NULL, "one", MIB);
    lab_start(lab, V, &alice);
    forget_all(dirty);
    lab_start_fails(lab, V, &alice, RL_ERROR_STATE, "no attributes of the pool");
    lab_stop_fails(lab, V, NULL, RL_ERROR_STATE, "'virt-reflink continue'");
    lab_stop(lab, V, &alice, RL_STOP_NOT_OWNED);
    g_assert_null(rl_staged_new(lab_pool(lab), V "@current", &access, &error));
    take_error(error, RL_ERROR_STATE, "no attributes of the pool");
    g_assert_true(rl_volume_continue(lab->pool, V, NULL));
    lab_stop(lab, V, NULL, RL_STOP_RETURNED);
    image_is(lab, V, RL_FILE_CLEAN, "one");
}

void
add_tests(void)
{
    lab_add("/mark/new-pool-has-one", test_new_pool_has_a_mark);
    lab_add("/mark/without-the-right", test_without_the_right);
    lab_add("/mark/old-pool", test_old_pool);
    lab_add("/mark/old-pool-that-gets-none", test_old_pool_that_gets_no_mark);
    lab_add("/mark/old-pool-for-two", test_old_pool_for_two);
    lab_add("/mark/copy", test_copy);
    lab_add("/mark/copy-over-another-pool", test_copy_over_another_pool);
    lab_add("/mark/one-image", test_one_image);
}
