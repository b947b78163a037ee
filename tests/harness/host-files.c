/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host-files.h"

#include <ftw.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

#include "xml/definitions.h"

void
host_put(const Host *host, const char *file, const char *text)
{
    g_autofree char *path = g_build_filename(host->top, file, NULL);
    g_autofree char *dir = g_path_get_dirname(path);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0700), ==, 0);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

char *
host_domain(const char *name, const char *uuid, const char *disk)
{
    const char *type = strstr(disk, "<source pool=") ? "volume" : "file";

    return g_strdup_printf("<domain type='kvm'><name>%s</name><uuid>%s</uuid><devices>"
                           "<disk type='%s'>%s<target dev='vda'/></disk></devices></domain>",
                           name, uuid, type, disk);
}

/* @file: below libvirt's directories; @disk: what is in its only <disk>. */
void
host_put_domain(const Host *host, const char *file, const char *disk)
{
    g_autofree char *text = host_domain("anna", UUID_A, disk);

    host_put(host, file, text);
}

void
host_finds(const Host *host, const char *image, bool directly, const char *wanted)
{
    g_autofree char *found =
        rl_xml_definitions_find_below(host->top, image, directly, UUID_B, NULL);

    g_assert_cmpstr(found, ==, wanted);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void) st, (void) type, (void) walk;
    return remove(path);
}

void
host_remove_tree(const char *path)
{
    /* Tests run as root: never through a link, nor into another file system. */
    g_assert_cmpint(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT), ==, 0);
}

static void
set_up(Host *host, gconstpointer data)
{
    (void) data;
    host->top = g_dir_make_tmp("definitions-XXXXXX", NULL);
    g_assert_nonnull(host->top);
}

static void
tear_down(Host *host, gconstpointer data)
{
    (void) data;
    host_remove_tree(host->top);
    g_free(host->top);
}

void
host_add_tests(const HostTest *tests, size_t count)
{
    for (size_t i = 0; i < count; i++)
        g_test_add(tests[i].path, Host, NULL, set_up, tests[i].test, tear_down);
}

void
host_put_snapshot_of(const Host *host, const char *file, const char *overlay, const char *disk)
{
    g_autofree char *text = host_domain("anna", UUID_A, disk);
    g_autofree char *snapshot = g_strdup_printf(
        "<domainsnapshot><disks><disk name='vda' snapshot='external'><source file='%s'/></disk>"
        "<disk name='vdb' snapshot='no'/></disks>%s</domainsnapshot>",
        overlay, text);

    host_put(host, file, snapshot);
}

void
host_put_snapshot(const Host *host, const char *file, const char *overlay, const char *before)
{
    g_autofree char *disk = g_strdup_printf("<source file='%s'/>", before);

    host_put_snapshot_of(host, file, overlay, disk);
}
