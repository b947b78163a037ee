/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which domain has an image as a disk or below one, as libvirt's own files say. */
#include "xml/definitions.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define UUID_A "00000000-0000-4000-8000-00000000000a"
#define UUID_B "00000000-0000-4000-8000-00000000000b"
#define IMAGE "/pool/a/b-dirty.img"
#define BACKING(path) "<backingStore type='file'><source file='" path "'/></backingStore>"

typedef struct {
    char *top;
} Host;

static void
put(const Host *host, const char *file, const char *text)
{
    g_autofree char *path = g_build_filename(host->top, file, NULL);
    g_autofree char *dir = g_path_get_dirname(path);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0700), ==, 0);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static char *
domain(const char *name, const char *uuid, const char *disk)
{
    return g_strdup_printf("<domain type='kvm'><name>%s</name><uuid>%s</uuid><devices>"
                           "<disk type='file'>%s<target dev='vda'/></disk></devices></domain>",
                           name, uuid, disk);
}

/* @file: below libvirt's directories; @disk: what is in its only <disk>. */
static void
put_domain(const Host *host, const char *file, const char *disk)
{
    g_autofree char *text = domain("anna", UUID_A, disk);

    put(host, file, text);
}

static void
assert_found(const Host *host, const char *image, bool directly, const char *wanted)
{
    g_autofree char *found = rl_xml_definitions_find_below(host->top, image, directly, UUID_B);

    g_assert_cmpstr(found, ==, wanted);
}

static void
remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *entry = g_build_filename(path, name, NULL);
        remove_tree(entry);
    }
    g_assert_cmpint(g_remove(path), ==, 0);
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
    remove_tree(host->top);
    g_free(host->top);
}

static void
test_nothing(Host *host, gconstpointer data)
{
    (void) data;
    assert_found(host, IMAGE, true, NULL);
    put(host, "etc/libvirt/qemu/damaged.xml", "<domain");
    put(host, "etc/libvirt/qemu/other.xml", "<network/>");
    put(host, "etc/libvirt/qemu/anna.xml~", "<domain");
    put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/pool/a/c-dirty.img'/>");
    assert_found(host, IMAGE, true, NULL);
    assert_found(host, "/pool/a/b.img", true, NULL);
}

static void
test_disk(Host *host, gconstpointer data)
{
    (void) data;
    put_domain(host, "etc/libvirt/libxl/anna.xml", "<source file='" IMAGE "'/>");
    assert_found(host, IMAGE, true, "anna");
    assert_found(host, IMAGE, false, NULL);
    g_autofree char *own = rl_xml_definitions_find_below(host->top, IMAGE, true, UUID_A);
    g_assert_null(own);
}

/* Of a domain that runs libvirt writes all layers. */
static void
test_layers(Host *host, gconstpointer data)
{
    g_autofree char *text =
        domain("anna", UUID_A,
               "<driver type='qcow2'/><source file='/o/2'/><backingStore type='file'>"
               "<source file='/o/1'/>" BACKING(IMAGE) "</backingStore>");
    g_autofree char *status = g_strdup_printf("<domstatus state='running'>%s</domstatus>", text);

    (void) data;
    put(host, "run/libvirt/qemu/anna.xml", status);
    assert_found(host, IMAGE, false, "anna");
    assert_found(host, "/pool/a/x-dirty.img", false, NULL);
}

/* libvirt's own overlay of a disk that is to forget what was written. */
static void
test_transient(Host *host, gconstpointer data)
{
    (void) data;
    put_domain(host, "run/libvirt/qemu/anna.xml",
               "<driver type='qcow2'/><source file='/o/1'/>" BACKING(IMAGE) "<transient/>");
    assert_found(host, IMAGE, false, NULL);
    assert_found(host, IMAGE, true, "anna");
}

/* A definition names the overlay alone; where nobody said otherwise its name tells. */
static void
test_name(Host *host, gconstpointer data)
{
    const char *file = "etc/libvirt/qemu/anna.xml";

    (void) data;
    put_domain(host, file, "<driver type='qcow2'/><source file='/pool/a/b-dirty.night'/>");
    assert_found(host, IMAGE, false, "anna");
    assert_found(host, "/pool/x/b-dirty.img", false, NULL);
    put_domain(host, file, "<driver type='raw'/><source file='/pool/a/b-dirty.night'/>");
    assert_found(host, IMAGE, false, NULL);
    put_domain(host, file,
               "<driver type='qcow2'/><source file='/o/1'/>" BACKING("/pool/a/b-dirty.night"));
    assert_found(host, IMAGE, false, "anna");
    /* By the short path of a volume. */
    put_domain(host, file, "<driver type='qcow2'/><source file='/pool/web.night'/>");
    assert_found(host, "/pool/volumes/web-dirty.img", false, "anna");
    assert_found(host, "/pool/volumes/we-dirty.img", false, NULL);
}

static void
put_snapshot(const Host *host, const char *file, const char *overlay, const char *before)
{
    g_autofree char *disk = g_strdup_printf("<source file='%s'/>", before);
    g_autofree char *text = domain("anna", UUID_A, disk);
    g_autofree char *snapshot = g_strdup_printf(
        "<domainsnapshot><disks><disk name='vda' snapshot='external'><source file='%s'/></disk>"
        "<disk name='vdb' snapshot='no'/></disks>%s</domainsnapshot>",
        overlay, text);

    put(host, file, snapshot);
}

/* A snapshot that libvirt has a record of says what lies below its file. */
static void
test_snapshots(Host *host, gconstpointer data)
{
    (void) data;
    put_domain(host, "etc/libvirt/qemu/anna.xml", "<driver type='qcow2'/><source file='/o/2'/>");
    assert_found(host, IMAGE, false, NULL);
    put_snapshot(host, "var/lib/libvirt/qemu/snapshot/anna/2.xml", "/o/2", "/o/1");
    assert_found(host, IMAGE, false, NULL);
    put_snapshot(host, "var/lib/libvirt/qemu/snapshot/anna/1.xml", "/o/1", IMAGE);
    assert_found(host, IMAGE, false, "anna");
    /* A circle has an end. */
    put_snapshot(host, "var/lib/libvirt/qemu/snapshot/anna/1.xml", "/o/1", "/o/2");
    assert_found(host, IMAGE, false, NULL);
}

static void
test_volume(Host *host, gconstpointer data)
{
    const char *disk = "<disk type='volume'><source pool='p' volume='a/b'/></disk>";
    g_autofree char *text = g_strdup_printf("<domain type='kvm'><name>anna</name><uuid>" UUID_A
                                            "</uuid><devices>%s</devices></domain>",
                                            disk);

    (void) data;
    put(host, "etc/libvirt/qemu/anna.xml", text);
    assert_found(host, IMAGE, true, NULL);
    put(host, "etc/libvirt/storage/p.xml",
        "<pool type='dir'><name>p</name><target><path>/pool</path></target></pool>");
    assert_found(host, IMAGE, true, "anna");
    assert_found(host, "/pool/a/c-dirty.img", true, NULL);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*test)(Host *, gconstpointer);
    } tests[] = {
        {"/xml/definitions/nothing", test_nothing}, {"/xml/definitions/disk", test_disk},
        {"/xml/definitions/layers", test_layers},   {"/xml/definitions/transient", test_transient},
        {"/xml/definitions/name", test_name},       {"/xml/definitions/snapshots", test_snapshots},
        {"/xml/definitions/volume", test_volume},
    };

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].path, Host, NULL, set_up, tests[i].test, tear_down);
    return g_test_run();
}
