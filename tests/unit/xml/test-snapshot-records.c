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

#define SNAPSHOTS "var/lib/libvirt/qemu/snapshot/anna/"

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

/* Two records say of one overlay what lies below it: a program makes one of that name each night,
 * and the disk was renamed. */
static void
test_one_path(Host *host, gconstpointer data)
{
    static const char *const files[] = {"1.xml", "2.xml", "1.xml"};

    (void) data;
    host_put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/o/1'/>");
    for (size_t i = 0; i + 1 < G_N_ELEMENTS(files); i++) {
        g_autofree char *old = g_build_filename(SNAPSHOTS, files[i], NULL);
        g_autofree char *now = g_build_filename(SNAPSHOTS, files[i + 1], NULL);
        host_put_snapshot(host, old, "/o/1", "/pool/a/c-dirty.img");
        host_put_snapshot(host, now, "/o/1", IMAGE);
        host_finds(host, IMAGE, false, "anna");
        host_finds(host, "/pool/a/c-dirty.img", false, "anna");
        host_finds(host, "/pool/a/d-dirty.img", false, NULL);
    }
    /* Each leads on: to the data of an image, and to the next layer. */
    host_put_snapshot_of(host, SNAPSHOTS "1.xml", "/o/1",
                         "<source file='/o/0'><dataStore type='file'><format type='raw'/>"
                         "<source file='" IMAGE "'/></dataStore></source>");
    host_put_snapshot(host, SNAPSHOTS "2.xml", "/o/0", "/pool/a/c-dirty.img");
    host_put_snapshot(host, SNAPSHOTS "3.xml", "/o/1", "/o/other");
    host_finds(host, IMAGE, false, "anna");
    host_finds(host, "/pool/a/c-dirty.img", false, "anna");
    host_finds(host, "/pool/a/d-dirty.img", false, NULL);
}

/* More layers than libvirt permits: whatever may be below them. */
static void
test_many_layers(Host *host, gconstpointer data)
{
    (void) data;
    host_put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/o/1'/>");
    for (int i = 1; i <= 201; i++) {
        g_autofree char *file = g_strdup_printf(SNAPSHOTS "%d.xml", i);
        g_autofree char *above = g_strdup_printf("/o/%d", i);
        g_autofree char *below = g_strdup_printf("/o/%d", i + 1);
        if (i == 201)
            host_finds(host, IMAGE, false, NULL);
        host_put_snapshot(host, file, above, below);
    }
    host_finds(host, IMAGE, false, "anna");
    /* Nor is such a one merged for that. */
    host_put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/o/none'/>");
    host_finds(host, IMAGE, false, "anna");
}

/* The overlay is a block device. */
static void
test_device(Host *host, gconstpointer data)
{
    g_autofree char *before = host_domain("anna", UUID_A, "<source file='" IMAGE "'/>");
    g_autofree char *record =
        g_strdup_printf("<domainsnapshot><disks><disk name='vda' snapshot='external' type='block'>"
                        "<source dev='/dev/vg/1'/></disk></disks>%s</domainsnapshot>",
                        before);
    g_autofree char *anna = g_strdup_printf(
        "<domain type='kvm'><name>anna</name><uuid>%s</uuid><devices><disk type='block'>"
        "<driver type='qcow2'/><source dev='/dev/vg/1'/><target dev='vda'/></disk></devices>"
        "</domain>",
        UUID_A);

    (void) data;
    host_put(host, "var/lib/libvirt/qemu/snapshot/anna/1.xml", record);
    host_put(host, "etc/libvirt/qemu/anna.xml", anna);
    host_finds(host, IMAGE, false, "anna");
    host_finds(host, "/pool/a/c-dirty.img", false, NULL);
}

#define NETWORK "<source protocol='rbd' name='p/1'><host name='h'/></source>"

/* The record of the overlay with the source @overlay that was made for the disk with the source
 * @before. */
static void
put_network(Host *host, const char *file, const char *overlay, const char *before)
{
    g_autofree char *path = g_build_filename("var/lib/libvirt/qemu/snapshot/anna", file, NULL);
    g_autofree char *record = g_strdup_printf(
        "<domainsnapshot><disks><disk name='vda' snapshot='external'>%s</disk></disks><domain "
        "type='kvm'><name>anna</name><uuid>" UUID_A "</uuid><devices><disk type='%s'>%s<target "
        "dev='vda'/></disk></devices></domain></domainsnapshot>",
        overlay, strstr(before, "protocol") ? "network" : "file", before);

    host_put(host, path, record);
}

/* The overlay is on the network: it is known by the name of the disk. */
static void
test_network(Host *host, gconstpointer data)
{
    const char *const definition = "etc/libvirt/qemu/anna.xml";
    const char *const anna =
        "<domain type='kvm'><name>anna</name><uuid>" UUID_A "</uuid><devices><disk type='network'>"
        "<driver type='qcow2'/>" NETWORK "<target dev='%s'/></disk></devices></domain>";
    g_auto(GStrv) parts = g_strsplit(anna, "%s", 2);
    g_autofree char *vda = g_strjoinv("vda", parts), *vdb = g_strjoinv("vdb", parts);

    (void) data;
    put_network(host, "1.xml", NETWORK, "<source file='" IMAGE "'/>");
    host_put(host, definition, vda);
    host_finds(host, IMAGE, false, "anna");
    host_finds(host, "/pool/a/c-dirty.img", false, NULL);
    /* It cannot be told whether the overlay is there still, but that it was merged. */
    host_put(host, definition, vdb);
    host_finds(host, IMAGE, false, "anna");
    host_put_domain(host, definition, "<source file='" IMAGE "'/>");
    host_finds(host, IMAGE, false, NULL);
    host_put_domain(host, definition, "<source pool='p' volume='a/b'/>");
    host_finds(host, IMAGE, false, NULL);
    /* Another overlay is on it, on the network or not. */
    put_network(host, "2.xml", NETWORK, NETWORK);
    host_put(host, definition, vda);
    host_finds(host, IMAGE, false, "anna");
    put_network(host, "2.xml", "<source file='/o/2'/>", NETWORK);
    host_put_domain(host, definition, "<driver type='qcow2'/><source file='/o/2'/>");
    host_finds(host, IMAGE, false, "anna");
    host_finds(host, "/pool/a/c-dirty.img", false, NULL);
}

/* The records of a domain that is not defined are behind a link: it may have an overlay on it. */
static void
test_lone_behind_link(Host *host, gconstpointer data)
{
    const char *const real = "elsewhere/1.xml";
    g_autofree char *dir = g_build_filename(host->top, "var/lib/libvirt/qemu/snapshot", NULL);
    g_autofree char *link = g_build_filename(dir, "bert", NULL);

    (void) data;
    host_put_snapshot(host, real, "/o/1", IMAGE);
    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    host_finds(host, IMAGE, false, NULL);
    g_assert_cmpint(symlink("../../../../../elsewhere", link), ==, 0);
    host_finds(host, IMAGE, false, "bert");
    g_autofree char *doubt = rl_xml_definitions_doubt_below(host->top, IMAGE, "bert");
    g_assert_nonnull(strstr(doubt, link));
}

/* Where libvirt returned to a snapshot that has others on it, it made an overlay beside those. */
static void
test_reverted(Host *host, gconstpointer data)
{
    g_autofree char *before = host_domain("anna", UUID_A, "<source file='" IMAGE "'/>");
    g_autofree char *record = g_strdup_printf(
        "<domainsnapshot><disks><disk name='vda' snapshot='external'><source file='/o/1'/></disk>"
        "</disks><revertDisks><disk name='vda' snapshot='external'><source file='/o/2'/></disk>"
        "</revertDisks>%s</domainsnapshot>",
        before);

    (void) data;
    host_put(host, "var/lib/libvirt/qemu/snapshot/anna/1.xml", record);
    host_put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/o/2'/>");
    host_finds(host, IMAGE, false, "anna");
    host_finds(host, "/pool/a/c-dirty.img", false, NULL);
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
    g_assert_cmpint(truncate(path, RL_DOMAIN_SIZE_MAX + 1), ==, 0);
    host_finds(host, IMAGE, false, "anna");
    assert_doubt(host, dir);
}

/* Records of snapshots that are damaged, foreign or incomplete hide none of the good ones. */
static void
test_bad_snapshots(Host *host, gconstpointer data)
{
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
    host_finds(host, IMAGE, false, "anna");
    host_put(host, "etc/libvirt/qemu/anna.xml",
             "<domain type='kvm'><name>anna</name><uuid>" UUID_A "</uuid></domain>");
    host_finds(host, IMAGE, false, "otto");
    host_put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/o/2'/>");
    host_finds(host, IMAGE, false, "otto");
    host_finds(host, "/pool/a/c-dirty.img", false, NULL);
    g_autofree char *found = rl_xml_definitions_find_below(host->top, IMAGE, false, UUID_A, NULL);
    g_assert_cmpstr(found, ==, "otto");
}

void
add_tests(void)
{
    static const HostTest tests[] = {
        {"/xml/snapshot-records/snapshots", test_snapshots},
        {"/xml/snapshot-records/one-path", test_one_path},
        {"/xml/snapshot-records/many-layers", test_many_layers},
        {"/xml/snapshot-records/device", test_device},
        {"/xml/snapshot-records/network", test_network},
        {"/xml/snapshot-records/lone-behind-link", test_lone_behind_link},
        {"/xml/snapshot-records/reverted", test_reverted},
        {"/xml/snapshot-records/linked-snapshots", test_linked_snapshots},
        {"/xml/snapshot-records/many-snapshots", test_many_snapshots},
        {"/xml/snapshot-records/leased-snapshot", test_leased_snapshot},
        {"/xml/snapshot-records/bad-snapshots", test_bad_snapshots},
        {"/xml/snapshot-records/given-overlay", test_given_overlay},
    };

    host_add_tests(tests, G_N_ELEMENTS(tests));
}
