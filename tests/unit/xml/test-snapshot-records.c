/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt's records of snapshots say of images below overlays. */
#include "xml/definitions.h"

#include "common/base/autofd.h"
#include "harness/host-files.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Is it told that the snapshots in @dir cannot be read? NULL: they can. */
static void
assert_doubt(const Host *host, const char *dir)
{
    g_autofree char *doubt = rl_xml_definitions_doubt_below(host->top, IMAGE, "anna");
    g_autofree char *other = rl_xml_definitions_doubt_below(host->top, IMAGE, "bert");
    g_autofree char *path = dir ? g_build_filename(host->top, dir, NULL) : NULL;

    g_assert_true(dir ? doubt && strstr(doubt, path) : !doubt);
    g_assert_null(other);
}

/* A snapshot that libvirt has a record of says what lies below its file. */
static void
test_snapshots(Host *host, gconstpointer data)
{
    (void) data;
    host_put_domain(host, "etc/libvirt/qemu/anna.xml",
                    "<driver type='qcow2'/><source file='/o/2'/>");
    host_finds(host, IMAGE, false, NULL);
    host_put_snapshot(host, "var/lib/libvirt/qemu/snapshot/anna/2.xml", "/o/2", "/o/1");
    host_finds(host, IMAGE, false, NULL);
    host_put_snapshot(host, "var/lib/libvirt/qemu/snapshot/anna/1.xml", "/o/1", IMAGE);
    host_finds(host, IMAGE, false, "anna");
    /* The disk was a volume by name. */
    host_put_snapshot_of(host, "var/lib/libvirt/qemu/snapshot/anna/1.xml", "/o/1",
                         "<source pool='p' volume='a/b'/>");
    host_finds(host, IMAGE, false, "anna"); /* the pool may have another name now */
    host_finds(host, "/pool/a/c-dirty.img", false, NULL);
    host_put(host, "etc/libvirt/storage/p.xml",
             "<pool type='dir'><name>p</name><target><path>/pool</path></target></pool>");
    host_finds(host, IMAGE, false, "anna");
    host_finds(host, "/pool/a/c-dirty.img", false, NULL);
    /* A circle has an end. */
    host_put_snapshot(host, "var/lib/libvirt/qemu/snapshot/anna/1.xml", "/o/1", "/o/2");
    host_finds(host, IMAGE, false, NULL);
}

/* Their directory belongs to the device models' user: what is behind a link there is not read, and
 * not taken for nothing. */
static void
test_linked_snapshots(Host *host, gconstpointer data)
{
    const char *const real = "elsewhere/1.xml";
    g_autofree char *link = g_build_filename(host->top, "var/lib/libvirt/qemu/snapshot/anna", NULL);
    g_autofree char *to = g_build_filename(host->top, "elsewhere", NULL);

    (void) data;
    host_put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/o/1'/>");
    host_put_snapshot(host, real, "/o/1", "/none");
    host_put(host, "var/lib/libvirt/qemu/snapshot/none", "");
    host_finds(host, IMAGE, false, NULL);
    assert_doubt(host, NULL);
    g_assert_cmpint(symlink(to, link), ==, 0);
    host_finds(host, IMAGE, false, "anna");
    assert_doubt(host, "var/lib/libvirt/qemu/snapshot/anna");
    g_assert_false(rl_xml_definitions_name_below(host->top, IMAGE, "anna", UUID_A));
    g_assert_cmpint(unlink(link), ==, 0);
    host_put(host, "var/lib/libvirt/qemu/snapshot/anna/none", "");
    g_autofree char *file = g_build_filename(link, "2.xml", NULL);
    g_autofree char *target = g_build_filename(host->top, real, NULL);
    g_assert_cmpint(symlink(target, file), ==, 0);
    host_finds(host, IMAGE, false, NULL);
}

/* Nor is there an end to what it may put there. */
static void
test_many_snapshots(Host *host, gconstpointer data)
{
    const char *const dir = "var/lib/libvirt/qemu/snapshot/anna";
    g_autofree char *large = g_malloc(4 * 1024 * 1024 - 1);
    g_autofree char *first = g_strdup_printf("%s/first.xml", dir);
    g_autofree char *name = g_strdup_printf("%s/large.xml", dir);
    g_autofree char *all = g_build_filename(host->top, dir, NULL);
    g_autofree char *one = g_build_filename(host->top, first, NULL);
    g_autofree char *path = g_build_filename(host->top, name, NULL);

    (void) data;
    memset(large, ' ', 4 * 1024 * 1024 - 2);
    large[4 * 1024 * 1024 - 2] = '\0';
    host_put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/o/1'/>");
    host_put(host, first, large);
    host_finds(host, IMAGE, false, NULL);
    for (int i = 0; i < 8; i++) {
        g_autofree char *other = g_strdup_printf("%s.%d", one, i);
        g_assert_cmpint(link(one, other), ==, 0);
    }
    host_finds(host, IMAGE, false, "anna");
    host_remove_tree(all);
    host_put(host, name, large);
    host_finds(host, IMAGE, false, NULL);
    g_assert_cmpint(truncate(path, 4 * 1024 * 1024 + 1), ==, 0);
    host_finds(host, IMAGE, false, "anna");
    assert_doubt(host, dir);
}

/* Records of snapshots that are damaged, foreign or incomplete hide none of the good ones. */
static void
test_bad_snapshots(Host *host, gconstpointer data)
{
#define SNAPSHOTS "var/lib/libvirt/qemu/snapshot/anna/"
#define OVERLAY "<disks><disk name='vda'><source file='/o/1'/></disk></disks>"
    g_autofree char *none = host_domain("anna", UUID_A, "");
    g_autofree char *other =
        g_strdup_printf("<domainsnapshot>" OVERLAY "%s</domainsnapshot>", none);

    (void) data;
    host_put_domain(host, "etc/libvirt/qemu/anna.xml",
                    "<driver type='qcow2'/><source file='/o/1'/>");
    host_put(host, SNAPSHOTS "a.xml", "<domainsnapshot");
    host_put(host, SNAPSHOTS "b.xml", "");
    host_put(host, SNAPSHOTS "c.xml", "<domainsnapshot>" OVERLAY "</domainsnapshot>");
    host_put(host, SNAPSHOTS "d.xml", "<domainsnapshot>" OVERLAY "<domain/></domainsnapshot>");
    host_put(host, SNAPSHOTS "e.xml", other);
    host_put(host, SNAPSHOTS "f.xml/file", "");
    host_finds(host, IMAGE, false, NULL);
    host_put_snapshot(host, SNAPSHOTS "g.xml", "/o/1", "/pool/a/b-dirty.night");
    host_finds(host, IMAGE, false, "anna");
    g_autofree char *text = host_domain("anna", UUID_A, "<source file='" IMAGE "'/>");
    g_autofree char *inner = g_strdup_printf("<domainsnapshot>%s</domainsnapshot>", text);
    host_put(host, SNAPSHOTS "g.xml", inner);
    host_finds(host, IMAGE, false, NULL);
    /* Of another disk. */
    g_autofree char *vdb =
        g_strdup_printf("<domainsnapshot><disks><disk name='vdb'>"
                        "<source file='/o/1'/></disk></disks>%s</domainsnapshot>",
                        text);
    host_put(host, SNAPSHOTS "g.xml", vdb);
    host_finds(host, IMAGE, false, NULL);
    /* Below a layer that the definition does name. */
    host_put_domain(host, "etc/libvirt/qemu/anna.xml",
                    "<driver type='qcow2'/><source file='/o/2'/>" BACKING("/o/1"));
    host_put_snapshot(host, SNAPSHOTS "g.xml", "/o/1", IMAGE);
    host_finds(host, IMAGE, false, "anna");
}

/* A record that a process has a lease on is not waited for, nor is it as if it were not there. */
static void
test_leased_snapshot(Host *host, gconstpointer data)
{
    static const char *const dir = "var/lib/libvirt/qemu/snapshot/anna";
    g_autofree char *path = g_build_filename(host->top, dir, "leased.xml", NULL);

    (void) data;
    host_put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/elsewhere.img'/>");
    host_put(host, "var/lib/libvirt/qemu/snapshot/anna/leased.xml", "<domainsnapshot/>");
    host_finds(host, IMAGE, false, NULL);
    signal(SIGIO, SIG_IGN);
    rl_autofd int fd = open(path, O_RDWR | O_CLOEXEC);
    g_assert_cmpint(fcntl(fd, F_SETLEASE, F_WRLCK), ==, 0);
    host_finds(host, IMAGE, false, "anna");
    assert_doubt(host, dir);
    g_assert_false(rl_xml_definitions_name_below(host->top, IMAGE, "anna", UUID_A));
    rl_fd_close(&fd);
    host_finds(host, IMAGE, false, NULL);
}

/* An overlay may have been given to another domain: the record is that of whose snapshot it was. */
static void
test_given_overlay(Host *host, gconstpointer data)
{
    g_autofree char *otto = host_domain("otto", "00000000-0000-4000-8000-00000000000c",
                                        "<driver type='qcow2'/><source file='/o/1'/>");

    (void) data;
    host_put_snapshot(host, "var/lib/libvirt/qemu/snapshot/anna/1.xml", "/o/1", IMAGE);
    host_put(host, "run/libvirt/qemu/otto.xml", otto);
    host_finds(host, IMAGE, false, NULL);
    host_put(host, "etc/libvirt/qemu/anna.xml",
             "<domain type='kvm'><name>anna</name><uuid>" UUID_A "</uuid></domain>");
    host_finds(host, IMAGE, false, "otto");
    host_put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/o/2'/>");
    host_finds(host, IMAGE, false, "otto");
    host_finds(host, "/pool/a/c-dirty.img", false, NULL);
    g_autofree char *found = rl_xml_definitions_find_below(host->top, IMAGE, false, UUID_A);
    g_assert_cmpstr(found, ==, "otto");
}

void
add_tests(void)
{
    static const HostTest tests[] = {
        {"/xml/snapshot-records/snapshots", test_snapshots},
        {"/xml/snapshot-records/linked-snapshots", test_linked_snapshots},
        {"/xml/snapshot-records/many-snapshots", test_many_snapshots},
        {"/xml/snapshot-records/leased-snapshot", test_leased_snapshot},
        {"/xml/snapshot-records/bad-snapshots", test_bad_snapshots},
        {"/xml/snapshot-records/given-overlay", test_given_overlay},
    };

    host_add_tests(tests, G_N_ELEMENTS(tests));
}
