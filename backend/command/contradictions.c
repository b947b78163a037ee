/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "contradictions.h"

#include "common/base/autofd.h"
#include "common/fs/xattr.h"
#include "common/image/torn-copy.h"
#include "common/operation/takeover.h"
#include "findings.h"

#define REMOVE \
    "if its content is right, remove the attribute with setfattr(1); else replace the image"

/* A direct volume's start renames the image when the run is noted, and may be cut off before. */
static void
look_for_run(GPtrArray *findings, const RlVolume *volume, const char *file, int fd)
{
    g_autoptr(RlImageOwner) run = NULL;

    if (volume->kind == RL_KIND_DIRECT || !rl_image_owner_get(fd, &run, NULL) || !run ||
        run->copied)
        return;
    rl_findings_add(
        findings, "marks", volume->name->volume, REMOVE,
        "a run of '%s' is recorded on '%s', which is an image at rest: it was renamed by "
        "hand from a dirty image (%s)",
        run->name, file, RL_ATTR_PREFIX RL_ATTR_RUN);
}

static void
look_for_mark(GPtrArray *findings, const RlVolume *volume, const char *file, int fd)
{
    g_autofree char *mark = NULL;

    if (!rl_xattr_get(fd, RL_ATTR_HOLD, &mark, NULL) || !mark)
        return;
    g_autofree char *printable = g_strescape(mark, NULL);
    rl_findings_add(findings, "marks", volume->name->volume, REMOVE,
                    "'%s' is an image at rest, and has the mark '%s' of a dirty image (%s)", file,
                    printable, RL_ATTR_PREFIX RL_ATTR_HOLD);
}

static void
look_at_rest(GPtrArray *findings, const RlVolume *volume, const char *file, bool is_revision)
{
    rl_autofd int fd = rl_volume_open_image(volume, file, NULL);
    g_autoptr(GError) error = NULL;

    if (fd < 0)
        return;
    look_for_run(findings, volume, file, fd);
    look_for_mark(findings, volume, file, fd);
    if (is_revision && !rl_torn_require_none(volume->name->volume, file, fd, &error))
        rl_findings_add(findings, "torn", volume->name->volume, NULL, "%s", error->message);
}

/* What is marked waits for a decision already. */
static void
look_at_dirty(GPtrArray *findings, const RlLook *look)
{
    g_auto(RlDirtyImage) image = {.fd = -1};
    g_autoptr(GError) error = NULL;

    if (!rl_dirty_image_open(look->volume, &image, NULL) || image.fd < 0)
        return;
    if (look->state == RL_STATE_SAVED && !image.run)
        rl_findings_add(findings, "marks", look->volume->name->volume, rl_look_next_step(look),
                        "its dirty image is marked as saved, but names no domain");
    if (look->state == RL_STATE_LEFT && image.mark == RL_MARK_NONE &&
        !rl_takeover_check(&image, &error))
        rl_findings_add(findings, "misfit", look->volume->name->volume, NULL, "%s", error->message);
}

void
rl_contradictions_look(GPtrArray *findings, const RlLook *look, const GPtrArray *revisions)
{
    const RlVolume *volume = look->volume;

    if (volume->clean.there)
        look_at_rest(findings, volume, volume->clean_file, false);
    for (guint i = 0; i < revisions->len; i++)
        look_at_rest(findings, volume, ((const RlRevision *) g_ptr_array_index(revisions, i))->file,
                     true);
    look_at_dirty(findings, look);
}
