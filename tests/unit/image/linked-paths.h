/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools whose volumes' paths are links: what their tests share. */
#pragma once

#include "common/image/repair-paths.h"
#include "common/image/volume-path.h"
#include "common/pool/scan.h"
#include "harness/lab.h"

#include <unistd.h>

#define CLEAN "volumes/web.img"
#define DIRTY "volumes/web-dirty.img"

static inline void
set_links(Lab *lab, bool links)
{
    g_autoptr(RlOptions) options = rl_options_copy(lab->pool->options);
    GError *error = NULL;

    options->path_links = links;
    rl_pool_set_options(lab->pool, options, &error);
    g_assert_no_error(error);
}

static inline void
begin(Lab *lab)
{
    set_links(lab, true);
    lab_create(lab, "web", "one", MIB);
}

static inline void
assert_link(Lab *lab, const char *relative, const char *wanted)
{
    g_autofree char *path = lab_path(lab, relative);
    g_autofree char *target = g_file_read_link(path, NULL);

    g_assert_cmpstr(target, ==, wanted);
}

static inline void
assert_path(Lab *lab, const char *dir, const char *leaf, const char *wanted)
{
    g_autofree char *path = rl_volume_path(lab->pool, dir, leaf), *whole = lab_path(lab, wanted);

    g_assert_cmpstr(path, ==, whole);
}

static inline void
put_link(Lab *lab, const char *target, const char *relative)
{
    g_autofree char *path = lab_path(lab, relative);

    unlink(path);
    g_assert_cmpint(symlink(target, path), ==, 0);
}

static inline void
remove_link(Lab *lab, const char *relative)
{
    g_autofree char *path = lab_path(lab, relative);

    g_assert_cmpint(unlink(path), ==, 0);
}

static inline void
repair(Lab *lab)
{
    GError *error = NULL;
    g_autoptr(GPtrArray) listed = rl_scan(lab->pool, &error);

    g_assert_no_error(error);
    rl_paths_repair(lab->pool, listed);
}
