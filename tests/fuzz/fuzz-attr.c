/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Damaged attributes of images. A byte says whether it has the attribute, which then follows; the
 * last ones say what is done to the volume. Whatever is there: each operation ends in success or
 * in a sentence, the clean image is never anything but one of the two that were there, and a mark
 * that is not understood holds. */
#include "fuzz.h"

#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/image-id.h"
#include "common/format/image-mark.h"
#include "common/format/image-save.h"
#include "common/fs/xattr.h"
#include "common/operation/maintenance.h"
#include "common/operation/save.h"
#include "common/operation/start.h"
#include "common/operation/stop.h"
#include "common/pool/capacity.h"
#include "common/pool/volume-state.h"

#define POOL "/run/p"
#define VALUE_MAX 4096

static const char *const keys[] = {
    RL_ATTR_ID,        RL_ATTR_HIGHEST,    RL_ATTR_BASE,      RL_ATTR_RUN,     RL_ATTR_HOLD,
    RL_ATTR_SAVE_FILE, RL_ATTR_SAVE_DIR,   RL_ATTR_SIZE,      RL_ATTR_RESTORE, RL_ATTR_LINKS,
    RL_ATTR_SAVE,      RL_ATTR_HIGHEST_OF, RL_ATTR_BASE_DATE, RL_ATTR_KEPT_OF, RL_ATTR_USED_BY,
    RL_ATTR_MADE,      RL_ATTR_CLEAN_SINCE};

static const RlDomainRef owner = {
    .driver = "qemu", .uuid = "11111111-1111-4111-8111-111111111111", .name = "alice"};

static const RlMemory memory = {
    .digest = (char *) "aa", .date_us = 1000000000, .save = (char *) "1", .save_us = 1};
static const RlDomainRef restored = {.driver = "qemu",
                                     .uuid = "11111111-1111-4111-8111-111111111111",
                                     .name = "alice",
                                     .memory = &memory};

static RlPool *pool;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void) argc;
    (void) argv;
    need_private_run();
    pool = make_pool(POOL);
    return 0;
}

/* An image of one sector that begins with @text, and attributes from @input. */
static void
make_image(const char *path, const char *text, Input *input)
{
    rl_autofd int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

    g_assert_cmpint(write(fd, text, 5), ==, 5);
    g_assert_cmpint(ftruncate(fd, RL_SECTOR), ==, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autofree char *name = g_strconcat(RL_ATTR_PREFIX, keys[i], NULL);
        size_t length;
        if (input_below(input, 2) == 0)
            continue;
        g_autofree char *value = input_bytes(input, VALUE_MAX, &length);
        g_assert_cmpint(fsetxattr(fd, name, value, length, 0), ==, 0);
    }
    if (input_below(input, 2))
        g_assert_cmpint(futimens(fd, times), ==, 0);
}

static void
check_hold(int fd)
{
    char word[VALUE_MAX + 1] = "";
    ssize_t length = fgetxattr(fd, RL_ATTR_PREFIX RL_ATTR_HOLD, word, VALUE_MAX);
    GError *error = NULL;
    RlMark hold;

    g_assert_true(rl_mark_get(fd, &hold, &error));
    check_error(false, error);
    g_assert_true((length < 0) == (hold == RL_MARK_NONE || hold == RL_MARK_FOREIGN));
    rl_mark_file_is_gone(fd);
    rl_mark_restore_is_announced(fd);
}

static void
check_run(int fd)
{
    g_autoptr(RlImageOwner) run = NULL, back = NULL;
    ssize_t length = fgetxattr(fd, RL_ATTR_PREFIX RL_ATTR_RUN, NULL, 0);

    g_assert_true(rl_image_owner_get(fd, &run, NULL));
    g_assert_true((length < 0) == (run == NULL));
    if (!run)
        return;
    rl_image_owner_is_fresh(run);
    rl_image_owner_is_of(run, &owner);
    g_assert_true(g_utf8_validate(run->driver, -1, NULL));
    g_assert_true(g_utf8_validate(run->name, -1, NULL));
    g_assert_true(g_utf8_validate(run->uuid, -1, NULL));
    g_assert_true(rl_image_owner_put_back(fd, run, NULL));
    g_assert_true(rl_image_owner_get(fd, &back, NULL));
    g_assert_cmpstr(back->driver, ==, run->driver);
    g_assert_cmpstr(back->uuid, ==, run->uuid);
    g_assert_cmpstr(back->name, ==, run->name);
    g_assert_cmpstr(back->boot_id, ==, run->boot_id);
    g_assert_cmpint(back->since_us, ==, run->since_us);
    g_assert_cmpstr(back->inode, ==, run->inode);
    g_assert_true(back->copied == run->copied);
    g_assert_true(back->written == run->written && back->readonly == run->readonly &&
                  back->continued == run->continued && back->arriving == run->arriving);
}

static void
check_readers(const char *path)
{
    rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
    g_autofree char *id = NULL;
    GError *error = NULL;
    uint64_t number;

    check_hold(fd);
    check_run(fd);
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++)
        g_assert_true(rl_xattr_get_number(fd, keys[i], &number, NULL));
    g_assert_true(rl_image_id_ensure(fd, &id, &error));
    check_error(false, error);
    g_assert_nonnull(id);
}

static bool
operate(unsigned int what, GError **error)
{
    g_autoptr(RlStarted) started = NULL;
    RlStop stop;

    switch (what) {
    case 0:
        started = rl_volume_start(pool, "a/b", &owner, 0, error);
        return started != NULL;
    case 1:
        return rl_volume_stop(pool, "a/b", &owner, &stop, error);
    case 2:
        return rl_volume_stop(pool, "a/b", NULL, &stop, error);
    case 3:
        return rl_volume_maintain(pool, "a/b", true, error);
    case 4:
        return rl_volume_continue(pool, "a/b", error);
    case 5:
        g_assert_true(rl_volume_announce_restore(pool, "a/b", &restored, NULL));
        started = rl_volume_start(pool, "a/b", &restored, RL_START_RESTORED, error);
        return started != NULL;
    case 6:
        return rl_volume_confirm(pool, "a/b", &owner, error);
    default:
        return rl_volume_discard(pool, "a/b", error);
    }
}

/* The clean image is there, whole, and old or new. */
static void
check_clean(void)
{
    g_autofree char *text = NULL;
    gsize length;

    g_assert_true(g_file_get_contents(POOL "/a/b.img", &text, &length, NULL));
    g_assert_cmpuint(length, ==, RL_SECTOR);
    g_assert_true(memcmp(text, "clean", 5) == 0 || memcmp(text, "dirty", 5) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input input = {data, size};

    g_assert_cmpint(g_mkdir_with_parents(POOL "/a", 0755), ==, 0);
    make_image(POOL "/a/b.img", "clean", &input);
    make_image(POOL "/a/b-dirty.img", "dirty", &input);
    check_readers(POOL "/a/b.img");
    check_readers(POOL "/a/b-dirty.img");

    for (int i = 0; i < 3; i++) {
        GError *error = NULL;
        bool good = operate(input_below(&input, 8), &error);
        check_error(!good, error);
        check_clean();
    }
    remove_tree(POOL "/a");
    return 0;
}
