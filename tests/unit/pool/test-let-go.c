/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs */
/* Whose overlays on a kept image were given up, as this version and earlier ones note it. */
#include "common/pool/let-go.h"

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/fs/xattr.h"
#include "harness/lab.h"

#include <fcntl.h>
#include <string.h>

#define V "a/b/private"

static gint64
defined_at_1000(const char *name)
{
    return strcmp(name, "alice") == 0 ? 1000 : 0;
}

/* What is noted, @text, and then of whom: names with a comma between, that @wanted are. */
static void
assert_names(const RlVolume *volume, int fd, const char *text, const char *wanted)
{
    if (text)
        g_assert_true(rl_xattr_set(fd, RL_ATTR_LET_GO, text, NULL));
    g_auto(GStrv) names = rl_let_go_names(volume, fd);
    g_autofree char *joined = g_strjoinv(",", names);
    g_assert_cmpstr(joined, ==, wanted);
}

static void
with_image(Lab *lab, void (*test)(const RlVolume *volume, int fd))
{
    const RlDocuments *real = lab->pool->documents;
    RlDocuments documents = *real;

    documents.defined_us = defined_at_1000;
    lab->pool->documents = &documents;
    lab_create(lab, V, "one", MIB);
    g_autofree char *path = lab_file(lab, V, RL_FILE_CLEAN);
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, NULL);
    rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
    g_assert_nonnull(volume);
    g_assert_cmpint(fd, >=, 0);
    test(volume, fd);
    lab->pool->documents = real;
}

static void
read_all(const RlVolume *volume, int fd)
{
    assert_names(volume, fd, NULL, "");
    /* Of earlier versions. */
    assert_names(volume, fd, "alice", "alice");
    assert_names(volume, fd, "alice\n1000", "alice");
    assert_names(volume, fd, "alice\n999", "");
    assert_names(volume, fd, "alice\n1000\nbob\n1", "alice,bob");
    assert_names(volume, fd, "bob\n1\nalice\n999", "bob");
    /* Damage names none. */
    assert_names(volume, fd, "", "");
    assert_names(volume, fd, "\n\n\n", "");
}

static void
test_read(Lab *lab)
{
    with_image(lab, read_all);
}

static void
add_some(const RlVolume *volume, int fd)
{
    GError *error = NULL;
    int count = 0;

    g_assert_true(rl_let_go_add(volume, fd, "alice", NULL));
    g_assert_true(rl_let_go_add(volume, fd, "bob", NULL));
    assert_names(volume, fd, NULL, "bob,alice");
    g_assert_true(rl_let_go_add(volume, fd, "alice", NULL));
    assert_names(volume, fd, NULL, "alice,bob");
    /* What does not count any more takes no room. */
    assert_names(volume, fd, "alice\n999", "");
    g_assert_true(rl_let_go_add(volume, fd, "bob", NULL));
    assert_names(volume, fd, NULL, "bob");
    while (!error && count < 1000) {
        g_autofree char *name = g_strdup_printf("domain-%d", count++);
        rl_let_go_add(volume, fd, name, &error);
    }
    g_assert_cmpint(count, >, 40);
    take_error(error, RL_ERROR_STATE, "'a/b/private' & too many & 'virsh edit'");
}

static void
test_add(Lab *lab)
{
    with_image(lab, add_some);
}

void
add_tests(void)
{
    lab_add("/let-go/read", test_read);
    lab_add("/let-go/add", test_add);
}
