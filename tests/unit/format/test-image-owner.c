/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 ext3 */
/* What is told of an image's owner where not all can be looked at. */
#include "common/format/image-owner.h"

#include "common/base/autofd.h"
#include "common/base/boot.h"
#include "common/fs/mounting.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int
open_file(Lab *lab, const char *name)
{
    g_autofree char *path = lab_path(lab, name);

    return open(path, O_RDONLY | O_CLOEXEC);
}

static void
make(Lab *lab)
{
    g_autofree char *first = lab_path(lab, "f"), *second = lab_path(lab, "g");

    make_file(first, "x");
    make_file(second, "x");
}

static RlImageOwner *
owner_of(Lab *lab, const char *name)
{
    rl_autofd int fd = open_file(lab, name);
    GError *error = NULL;
    RlImageOwner *run = NULL;

    g_assert_true(rl_image_owner_get(fd, &run, &error));
    g_assert_no_error(error);
    return run;
}

static bool
set(Lab *lab, GError **error)
{
    rl_autofd int fd = open_file(lab, "f");

    return rl_image_owner_set(fd, &alice, (RlOwnerTraits){.written = true}, error);
}

static bool
get(Lab *lab, GError **error)
{
    rl_autofd int fd = open_file(lab, "f");
    g_autoptr(RlImageOwner) run = NULL;

    return rl_image_owner_get(fd, &run, error);
}

static bool
take_along(Lab *lab, GError **error)
{
    rl_autofd int from = open_file(lab, "f");
    rl_autofd int fd = open_file(lab, "g");

    return rl_image_owner_take_along(from, fd, error);
}

/* Each call fails by itself: no half owner is noted, and none is taken for none. */
static void
test_calls(Lab *lab)
{
    static const long calls[] = {SYS_statx, SYS_fgetxattr, SYS_fsetxattr, SYS_newfstatat};
    const Attempt attempts[] = {set, get, take_along};

    make(lab);
    g_assert_true(set(lab, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(calls) * G_N_ELEMENTS(attempts); i++) {
        Disturbance one = {.nr = calls[i / 3], .count = 1, .code = EIO};
        if (calls[i / 3] == SYS_newfstatat)
            one.also = SYS_fstat;
        for (one.first = 1;; one.first++) {
            GError *error = NULL;
            bool done = disturb(lab, &one, attempts[i % 3], &error);
            g_assert_cmpint(done, ==, error == NULL);
            g_clear_error(&error);
            g_autoptr(RlImageOwner) run = owner_of(lab, "f");
            g_assert_cmpstr(run->uuid, ==, alice.uuid);
            g_assert_false(run->copied);
            if (one.made < one.first) {
                g_assert_true(done);
                break;
            }
        }
    }
}

/* Without the boot's id the owner would look like one of an earlier boot, which anyone may end. */
static void
test_no_boot(Lab *lab)
{
    Disturbance reading = {.nr = SYS_read, .first = 1, .code = EIO};
    GError *error = NULL;

    make(lab);
    g_assert_false(disturb(lab, &reading, set, &error));
    take_errno(error, EIO, "boot id");
    g_autoptr(RlImageOwner) none = owner_of(lab, "f");
    g_assert_null(none);
}

typedef struct {
    Lab lab;
    const RlImageOwner *run;
    int fd;
} Told;

static bool
is_fresh(Lab *lab, GError **error)
{
    (void) error;
    return rl_image_owner_is_fresh(((Told *) lab)->run);
}

static bool
has_dates(Lab *lab, GError **error)
{
    const Told *told = (Told *) lab;

    (void) error;
    return rl_image_owner_began_us(told->run) != 0 ||
           rl_image_owner_has_true_dates(told->run, told->fd);
}

static bool
is_of_late(Lab *lab, GError **error)
{
    RlDomainRef late = alice;

    (void) error;
    late.until_us = 1;
    return rl_image_owner_is_of(((Told *) lab)->run, &late);
}

/* A boot that cannot be told is this one where that keeps data, and has no dates. */
static void
test_unknown_boot(Lab *lab)
{
    Disturbance opening = {.nr = SYS_openat, .first = 1, .code = EMFILE};

    make(lab);
    g_assert_true(set(lab, NULL));
    g_autoptr(RlImageOwner) run = owner_of(lab, "f");
    rl_autofd int fd = open_file(lab, "f");
    Told told = {.run = run, .fd = fd};
    g_assert_true(is_fresh(&told.lab, NULL));
    g_assert_true(has_dates(&told.lab, NULL));
    g_assert_false(is_of_late(&told.lab, NULL));
    g_assert_true(disturb(&told.lab, &opening, is_fresh, NULL));
    g_assert_false(disturb(&told.lab, &opening, has_dates, NULL));
    g_assert_false(disturb(&told.lab, &opening, is_of_late, NULL));
    g_assert_cmpuint(opening.made, ==, 1);
}

/* Damaged times, another boot, another mounting. */
static void
test_dates(Lab *lab)
{
    make(lab);
    rl_autofd int fd = open_file(lab, "f");

    g_assert_true(set(lab, NULL));
    g_autoptr(RlImageOwner) run = owner_of(lab, "f");
    gint64 since_us = run->since_us;
    g_assert_cmpint(rl_image_owner_began_us(run), >, 0);
    run->since_us = -1;
    g_assert_cmpint(rl_image_owner_began_us(run), ==, 0);
    run->since_us = rl_boot_clock_us() + (gint64) 3600 * G_USEC_PER_SEC;
    g_assert_cmpint(rl_image_owner_began_us(run), ==, 0);
    run->since_us = since_us;
    uint64_t mounting = rl_mounting_id(fd);
    g_assert_cmpint(rl_image_owner_has_true_dates(run, fd), ==, mounting != 0);
    run->mounting = mounting + 1;
    g_assert_false(rl_image_owner_has_true_dates(run, fd));
    run->mounting = 0;
    g_assert_false(rl_image_owner_has_true_dates(run, fd));
    run->mounting = mounting;
    run->boot_id[0] ^= 1;
    g_assert_false(rl_image_owner_has_true_dates(run, fd));
    g_assert_cmpint(rl_image_owner_began_us(run), ==, 0);
}

/* What an earlier version noted has no inode, another kernel may note no birth: neither makes it a
 * copy, but another number does. What arrives stays so. */
static void
test_inode(Lab *lab)
{
    make(lab);
    rl_autofd int fd = open_file(lab, "f");
    rl_autofd int other = open_file(lab, "g");

    g_assert_true(set(lab, NULL));
    g_autoptr(RlImageOwner) run = owner_of(lab, "f");
    run->arriving = true;
    run->mounting = 0;
    run->inode[strcspn(run->inode, " ")] = '\0';
    g_assert_true(rl_image_owner_put_back(fd, run, NULL));
    g_autoptr(RlImageOwner) number = owner_of(lab, "f");
    g_assert_true(number->arriving && !number->copied);
    g_assert_cmpuint(number->mounting, ==, 0);

    g_assert_true(rl_image_owner_put_back(other, run, NULL));
    g_autoptr(RlImageOwner) copied = owner_of(lab, "g");
    g_assert_true(copied->copied);
    /* It is not taken along from the copy. */
    g_assert_true(rl_image_owner_take_along(other, fd, NULL));
    g_clear_pointer(&run->inode, g_free);
    g_assert_true(rl_image_owner_put_back(other, run, NULL));
    g_autoptr(RlImageOwner) earlier = owner_of(lab, "g");
    g_assert_true(!earlier->copied && !earlier->inode);
    g_assert_true(rl_image_owner_take_along(other, fd, NULL));
    g_assert_true(rl_image_owner_clear(other, NULL));
    g_assert_true(rl_image_owner_take_along(other, fd, NULL));
    g_autoptr(RlImageOwner) still = owner_of(lab, "f");
    g_assert_cmpstr(still->inode, ==, number->inode);
    g_assert_true(rl_image_owner_take_along(fd, other, NULL));
    g_autoptr(RlImageOwner) taken = owner_of(lab, "g");
    g_assert_false(taken->copied);
    g_assert_cmpstr(taken->inode, !=, still->inode);
}

/* Who only reads is one who holds it, if he stays. */
static void
test_held(Lab *lab)
{
    make(lab);
    rl_autofd int fd = open_file(lab, "f");
    const RlImageOwner run = {.readonly = true};

    g_assert_false(rl_image_owner_is_held(&run, fd));
    rl_autofd int reader = open_file(lab, "f");
    g_assert_true(rl_image_owner_is_held(&run, fd));
    g_assert_false(rl_image_owner_is_held(NULL, fd));
    g_autofree char *path = lab_path(lab, "f");
    rl_autofd int writer = open(path, O_RDWR | O_CLOEXEC);
    g_assert_true(rl_image_owner_is_held(NULL, fd));
}

void
add_tests(void)
{
    static const char *const all = "xfs btrfs ext4 ext3";

    lab_add_on("/image-owner/calls", all, test_calls);
    lab_add("/image-owner/no-boot", test_no_boot);
    lab_add("/image-owner/unknown-boot", test_unknown_boot);
    lab_add("/image-owner/dates", test_dates);
    lab_add_on("/image-owner/inode", all, test_inode);
    lab_add("/image-owner/held", test_held);
}
