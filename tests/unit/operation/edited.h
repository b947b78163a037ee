/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A volume whose clean image was edited at rest: what its tests share. */
#pragma once

#include "common/operation/before-edit.h"
#include "common/operation/maintenance.h"
#include "harness/lab.h"

#define V "a/b/private"

static inline void
maintain(Lab *lab, const char *name)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(rl_volume_maintain(lab->pool, name, false, &error));
    g_assert_no_error(error);
}

/* A volume with the precache of "one". */
static inline void
make(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_options(lab, 3);
    maintain(lab, V);
    g_assert_true(image_is_there(lab, V, RL_FILE_PRECACHE));
}

/* A volume whose clean image was edited since. */
static inline void
make_edited(Lab *lab)
{
    make(lab);
    image_write(lab, V, RL_FILE_CLEAN, "two");
}

static inline RlEdit
keep(Lab *lab, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, name, &error);
    RlEdit edit;

    g_assert_true(rl_edit_keep(volume, &edit, &error));
    g_assert_no_error(error);
    return edit;
}
