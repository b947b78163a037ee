/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs ext4 */
/* What an image notes of its making, whatever a version has written, or a copy brought along. */
#include "common/format/image-made.h"

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/fs/xattr.h"
#include "common/operation/maintenance.h"
#include "common/pool/free-space.h"
#include "harness/lab.h"

#include <fcntl.h>
#include <string.h>

#define V "a/b/private"

typedef struct {
    int clean, precache;
    char *made; /* as it was noted */
} Pair;

static void
pair_clear(Pair *pair)
{
    rl_fd_close(&pair->clean);
    rl_fd_close(&pair->precache);
    g_free(pair->made);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Pair, pair_clear)

static Pair
pair_make(Lab *lab)
{
    Pair pair = {.clean = -1};
    g_autoptr(GError) error = NULL;

    lab_create(lab, V, "one", MIB);
    g_assert_true(rl_volume_maintain(lab->pool, V, false, &error));
    pair.clean = image_open(lab, V, RL_FILE_CLEAN, O_RDONLY);
    pair.precache = image_open(lab, V, RL_FILE_PRECACHE, O_RDONLY);
    g_assert_true(rl_xattr_get(pair.precache, RL_ATTR_MADE, &pair.made, NULL));
    return pair;
}

/* @text, in which TIME, OWN and CLEAN stand for what is true, says this of the image. */
static void
says(const Pair *pair, const char *text, bool dates_tell, bool is_own, bool is_of)
{
    g_autofree char *all = NULL;
    g_auto(GStrv) parts = g_strsplit(pair->made, "/", -1);
    guint last = g_strv_length(parts) - 1;
    bool if_shared;

    const char *const marks[] = {"TIME", parts[0], "OWN", parts[last - 1], "CLEAN", parts[last]};
    all = g_strdup(text);
    for (size_t i = 0; i < G_N_ELEMENTS(marks); i += 2) {
        g_auto(GStrv) around = g_strsplit(all, marks[i], -1);
        g_free(all);
        all = g_strjoinv(marks[i + 1], around);
    }
    g_assert_true(rl_xattr_set(pair->precache, RL_ATTR_MADE, all, NULL));
    g_test_message("%s", text);
    g_assert_cmpint(rl_image_made_dates_tell(pair->precache, pair->clean, &if_shared), ==,
                    dates_tell);
    g_assert_cmpint(rl_image_made_is_own(pair->precache), ==, is_own);
    g_assert_cmpint(rl_image_made_is_of(pair->precache, pair->clean), ==, is_of);
}

static void
test_notes(Lab *lab)
{
    g_auto(Pair) pair = pair_make(lab);
    bool if_shared, xfs = g_str_equal(lab->fs, "xfs");

    says(&pair, "TIME/OWN/CLEAN", true, true, true);
    says(&pair, "TIME//OWN/CLEAN", true, true, false);
    says(&pair, "TIME", true, true, false); /* of an earlier version */
    says(&pair, "other 1", false, false, false);
    says(&pair, "other 1/OWN/CLEAN", xfs, true, true);
    says(&pair, "other 1//OWN/CLEAN", false, true, false);
    says(&pair, "TIME/OWN/1 2.3", false, true, false);
    says(&pair, "TIME/1 2.3/CLEAN", false, false, false);
    says(&pair, "TIME//1 2.3/CLEAN", false, false, false);
    says(&pair, "TIME/OWN", false, false, false);
    says(&pair, "TIME/", false, false, false);
    says(&pair, "", false, false, false);
    g_assert_true(rl_image_made_clear(pair.precache, NULL));
    g_assert_false(rl_image_made_dates_tell(pair.precache, pair.clean, &if_shared));
    g_assert_false(rl_image_made_is_own(pair.precache));
    g_assert_false(rl_image_made_is_of(pair.precache, pair.clean));
}

static void
test_has_any(Lab *lab)
{
    g_autofree char *path = lab_path(lab, "plain");
    g_auto(Pair) pair = pair_make(lab);
    g_autofree char *clean = lab_file(lab, V, RL_FILE_CLEAN);
    bool any = true;

    g_assert_true(rl_xattr_has_any_at_path(path, &any, NULL) && !any);
    g_assert_true(g_file_set_contents(path, "x", 1, NULL));
    any = true;
    g_assert_true(rl_xattr_has_any_at_path(path, &any, NULL) && !any);
    g_assert_true(rl_xattr_has_any_at_path(clean, &any, NULL) && any);
    any = true;
    g_assert_true(rl_xattr_has_any_at_path("/proc/self/status", &any, NULL) && !any);
    g_autofree char *through = g_strconcat(path, "/x", NULL);
    g_assert_false(rl_xattr_has_any_at_path(through, &any, NULL));
}

static void
test_free_space(Lab *lab)
{
    g_autoptr(RlOptions) options = rl_options_copy(lab->pool->options);
    g_autofree char *path = lab_path(lab, "ballast");
    g_autoptr(GError) error = NULL;
    uint64_t capacity, left;

    g_assert_true(rl_pool_space(lab->pool, &capacity, &left, &error));
    rl_autofd int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    g_assert_cmpint(posix_fallocate(fd, 0, (off_t) (capacity / 20)), ==, 0);
    for (int i = 0; i < 2; i++) {
        g_autofree char *text = NULL;
        bool low;
        options->warn_free = i ? RL_WARN_FREE_MAX : 0;
        g_assert_true(rl_pool_set_options(lab->pool, options, &error));
        g_assert_true(rl_free_space_look(lab->pool, &low, &text, &error));
        g_assert_cmpint(low, ==, i);
        g_assert_nonnull(strstr(text, " are free"));
        rl_free_space_warn(lab->pool);
    }
}

void
add_tests(void)
{
    lab_add_on("/image-made/notes", "xfs ext4", test_notes);
    lab_add_on("/image-made/has-any", "xfs ext4", test_has_any);
    lab_add_on("/image-made/free-space", "xfs ext4", test_free_space);
}
