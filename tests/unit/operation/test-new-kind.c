/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
/* A volume is given another kind together with its content (NAME@current@kind=KIND). */
#include "common/operation/delete.h"
#include "common/operation/staged-image.h"
#include "harness/disturb.h"
#include "harness/staged.h"

#include <errno.h>
#include <sys/stat.h>

#define V "a/b/private"

/* What a disturbed attempt publishes. */
static RlStagedImage *changing;

ATTEMPT(try_change, rl_staged_replace(changing, error))

/* Begins what makes the volume, with its own content, one of that kind. */
static RlStagedImage *
begin_change(Lab *lab, RlKind kind)
{
    RlStagedImage *draft = staged_begin(lab, V "@current");

    draft->asked = (RlAskedKind){.given = true, .kind = kind};
    staged_fill(lab, draft, V, 0);
    return draft;
}

static void
kind_is(Lab *lab, RlKind kind)
{
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, NULL);

    g_assert_nonnull(volume);
    g_assert_cmpint(volume->kind, ==, kind);
    image_is(lab, V, RL_FILE_CLEAN, "one");
}

/* Is the file @image the volume's? Where only the directory cannot be made durable it is, and the
 * call has failed all the same. */
static bool
is_in_place(Lab *lab, const struct stat *image)
{
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, V, NULL);

    g_assert_nonnull(volume);
    return volume->clean.st.st_ino == image->st_ino;
}

/* A replacement that changes the kind, with each of its calls failing once: the kind is new if, and
 * only if, the image is, and the content is there in any case. */
static void
test_kind_changes(Lab *lab)
{
    bool done = false;

    for (guint i = 1; !done; i++) {
        Disturbance disturbance = {.first = i, .count = 1, .code = EIO};
        g_autoptr(GError) error = NULL;
        lab_create(lab, V, "one", MIB);
        struct stat image;
        changing = begin_change(lab, RL_KIND_DIRECT);
        g_assert_no_errno(fstat(changing->fd, &image));
        bool ok = disturb(lab, &disturbance, try_change, &error);
        bool changed = is_in_place(lab, &image);
        rl_staged_free(changing);
        g_assert_true(ok ? changed : error != NULL);
        kind_is(lab, changed ? RL_KIND_DIRECT : RL_KIND_PERSISTENT);
        done = disturbance.made < i;
        if (done) {
            g_autoptr(RlStagedImage) back = begin_change(lab, RL_KIND_PERSISTENT);
            g_assert_true(rl_staged_replace(back, NULL));
            kind_is(lab, RL_KIND_PERSISTENT);
        }
        g_assert_true(rl_volume_delete(lab->pool, V, RL_DELETE_NAMED, NULL));
    }
}

void
add_tests(void)
{
    lab_add("/new-kind/changes", test_kind_changes);
}
