/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "staged.h"

#include <string.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/image/content.h"

RlStagedImage *
staged_begin(Lab *lab, const char *name)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    g_autoptr(GError) error = NULL;
    RlStagedImage *draft = rl_staged_new(lab_pool(lab), name, &access, &error);

    g_assert_no_error(error);
    return draft;
}

void
staged_fill(Lab *lab, RlStagedImage *draft, const char *source, uint64_t capacity)
{
    GError *error = NULL;
    rl_autofd int from = rl_content_open(lab->pool, source, false, &error);

    g_assert_no_error(error);
    rl_staged_fill(draft, from, capacity, !lab->reflinks, &error);
    g_assert_no_error(error);
}

void
staged_write(RlStagedImage *draft, const char *text)
{
    g_assert_cmpint(pwrite(draft->fd, text, strlen(text) + 1, 0), ==, (gssize) strlen(text) + 1);
}

void
staged_replace(Lab *lab, const char *volume, const char *text)
{
    g_autofree char *name = g_strconcat(volume, "@current", NULL);
    g_autoptr(RlStagedImage) draft = staged_begin(lab, name);
    GError *error = NULL;

    staged_write(draft, text);
    rl_staged_replace(draft, &error);
    g_assert_no_error(error);
}

void
staged_label(Lab *lab, const char *volume, const char *label)
{
    g_autofree char *name = g_strdup_printf("%s@%s", volume, label);
    g_autoptr(RlStagedImage) draft = staged_begin(lab, name);
    GError *error = NULL;

    staged_fill(lab, draft, volume, 0);
    rl_staged_label(draft, &error);
    g_assert_no_error(error);
}
