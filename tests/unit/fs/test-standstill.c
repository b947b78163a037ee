/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* What a file system counts, for who wants to know whether blocks have moved meanwhile. */
#include "common/base/autofd.h"
#include "common/fs/standstill.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool
count(Lab *lab, GError **error)
{
    RlStandstill standstill;
    uint64_t number = 0;

    (void) error;
    rl_standstill_open(lab->pool->root, &standstill);
    bool done = rl_standstill_count(&standstill, &number);
    rl_standstill_close(&standstill);
    rl_standstill_close(&standstill);
    return done;
}

static void
test_counts(Lab *lab)
{
    Disturbance bad = {.first = 1, .code = EIO};
    const long calls[] = {SYS_fstatfs, SYS_pread64, SYS_ioctl};

    g_assert_true(count(lab, NULL) == (strcmp(lab->fs, "ext4") != 0));
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
        bad.nr = calls[i];
        bool done = disturb(lab, &bad, count, NULL);
        if (bad.made > 0)
            g_assert_false(done);
    }
}

static void
test_nothing(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "statistics");
    rl_autofd int fd = -1;
    RlStandstill standstill;
    uint64_t number;

    rl_standstill_open(-1, &standstill);
    g_assert_false(rl_standstill_count(&standstill, &number));
    static const char *const texts[] = {"", "extent_alloc 1\n", "x\ntrans 7\n"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        make_file(path, texts[i]);
        rl_fd_close(&fd);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        standstill = (RlStandstill){.fd = fd};
        g_assert_false(rl_standstill_count(&standstill, &number));
    }
}

void
add_tests(void)
{
    lab_add("/standstill/counts", test_counts);
    lab_add("/standstill/nothing", test_nothing);
}
