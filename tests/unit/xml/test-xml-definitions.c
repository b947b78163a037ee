/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which domain has an image as a disk or below one, as libvirt's own files say. */
#include "harness/host-files.h"
#include "xml/definitions.h"
#include "xml/domain.h"

#include "common/base/autofd.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
test_nothing(Host *host, gconstpointer data)
{
    (void) data;
    host_finds(host, IMAGE, true, NULL);
    host_put(host, "etc/libvirt/qemu/damaged.xml", "<domain");
    host_put(host, "etc/libvirt/qemu/other.xml", "<network/>");
    host_put(host, "etc/libvirt/qemu/anna.xml~", "<domain");
    host_put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/pool/a/c-dirty.img'/>");
    host_finds(host, IMAGE, true, NULL);
    host_finds(host, "/pool/a/b.img", true, NULL);
}

static void
test_disk(Host *host, gconstpointer data)
{
    (void) data;
    host_put_domain(host, "etc/libvirt/libxl/anna.xml", "<source file='" IMAGE "'/>");
    host_finds(host, IMAGE, true, "anna");
    host_finds(host, IMAGE, false, NULL);
    g_autofree char *own = rl_xml_definitions_find_below(host->top, IMAGE, true, UUID_A, NULL);
    g_assert_null(own);
}

/* Of a domain that runs libvirt writes all layers. */
static void
test_layers(Host *host, gconstpointer data)
{
    g_autofree char *text =
        host_domain("anna", UUID_A,
                    "<driver type='qcow2'/><source file='/o/2'/><backingStore type='file'>"
                    "<source file='/o/1'/>" BACKING(IMAGE) "</backingStore>");
    g_autofree char *status = g_strdup_printf("<domstatus state='running'>%s</domstatus>", text);

    (void) data;
    host_put(host, "run/libvirt/qemu/anna.xml", status);
    host_finds(host, IMAGE, false, "anna");
    host_finds(host, "/pool/a/x-dirty.img", false, NULL);
}

/* libvirt's own overlay of a disk that is to forget what was written. */
static void
test_transient(Host *host, gconstpointer data)
{
    (void) data;
    host_put_domain(host, "run/libvirt/qemu/anna.xml",
                    "<driver type='qcow2'/><source file='/o/1'/>" BACKING(IMAGE) "<transient/>");
    host_finds(host, IMAGE, false, NULL);
    host_finds(host, IMAGE, true, "anna");
}

/* A definition names the overlay alone; where nobody said otherwise its name tells. */
static void
test_name(Host *host, gconstpointer data)
{
    const char *file = "etc/libvirt/qemu/anna.xml";

    (void) data;
    host_put_domain(host, file, "<driver type='qcow2'/><source file='/pool/a/b-dirty.night'/>");
    host_finds(host, IMAGE, false, "anna");
    host_finds(host, "/pool/x/b-dirty.img", false, NULL);
    host_put_domain(host, file, "<driver type='raw'/><source file='/pool/a/b-dirty.night'/>");
    host_finds(host, IMAGE, false, NULL);
    host_put_domain(host, file,
                    "<driver type='qcow2'/><source file='/o/1'/>" BACKING("/pool/a/b-dirty.night"));
    host_finds(host, IMAGE, false, "anna");
    /* By the short path of a volume. */
    host_put_domain(host, file, "<driver type='qcow2'/><source file='/pool/web.night'/>");
    host_finds(host, "/pool/volumes/web-dirty.img", false, "anna");
    host_finds(host, "/pool/volumes/we-dirty.img", false, NULL);
}

#define DATA "<dataStore type='file'><format type='raw'/><source file='" IMAGE "'/></dataStore>"

/* The file that has the data of a disk's image is that disk; below an overlay it is below. */
static void
test_data_store(Host *host, gconstpointer data)
{
    const char *file = "etc/libvirt/qemu/anna.xml";

    (void) data;
    host_put_domain(host, file, "<driver type='qcow2'/><source file='/o/1'>" DATA "</source>");
    host_finds(host, IMAGE, true, "anna");
    host_finds(host, IMAGE, false, NULL);
    host_finds(host, "/pool/a/x-dirty.img", true, NULL);
    for (int i = 0; i < 2; i++) {
        g_autofree char *disk =
            g_strdup_printf("<driver type='qcow2'/><source file='/o/1'><dataStore type='volume'>"
                            "<source pool='p' volume='a/%s'/></dataStore></source>",
                            i ? "x" : "b");
        host_put_domain(host, file, disk);
        host_finds(host, IMAGE, true, i ? NULL : "anna");
    }
    host_put_domain(host, file,
                    "<driver type='qcow2'/><source file='/o/2'/><backingStore type='file'>"
                    "<format type='qcow2'/><source file='/o/1'>" DATA "</source></backingStore>");
    host_finds(host, IMAGE, false, "anna");
    host_put_domain(host, file, "<driver type='qcow2'/><source file='/o/2'/>");
    host_put_snapshot_of(host, "var/lib/libvirt/qemu/snapshot/anna/1.xml", "/o/2",
                         "<driver type='qcow2'/><source file='/o/1'>" DATA "</source>");
    host_finds(host, IMAGE, false, "anna");
    host_finds(host, "/pool/a/x-dirty.img", false, NULL);
}

static void
test_volume(Host *host, gconstpointer data)
{
    const char *disk = "<disk type='volume'><source pool='p' volume='a/b'/></disk>";
    g_autofree char *text = g_strdup_printf("<domain type='kvm'><name>anna</name><uuid>" UUID_A
                                            "</uuid><devices>%s</devices></domain>",
                                            disk);

    (void) data;
    host_put(host, "etc/libvirt/qemu/anna.xml", text);
    host_finds(host, IMAGE, true, "anna");
    host_put(host, "etc/libvirt/storage/p.xml",
             "<pool type='dir'><name>p</name><target><path>/other</path></target></pool>");
    host_finds(host, IMAGE, true, NULL);
    host_put(host, "etc/libvirt/storage/p.xml",
             "<pool type='dir'><name>p</name><target><path>/pool</path></target></pool>");
    host_finds(host, IMAGE, true, "anna");
    host_finds(host, "/pool/a/c-dirty.img", true, NULL);
}

static void
finds_besides(const Host *host, const char *let_go, const char *wanted)
{
    g_auto(GStrv) names = g_strsplit(let_go, " ", -1);
    g_autofree char *found =
        rl_xml_definitions_find_below(host->top, IMAGE, false, NULL, (const char *const *) names);

    g_assert_cmpstr(found, ==, wanted);
}

/* Whose overlay was let go of hides no other's, nor does what cannot be told of one. */
static void
test_let_go(Host *host, gconstpointer data)
{
    g_autofree char *bert = host_domain("bert", UUID_B, "<source file='/o/2'/>" BACKING(IMAGE));
    g_autofree char *lone = g_build_filename(host->top, "lone", NULL);

    (void) data;
    host_put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/o/1'/>" BACKING(IMAGE));
    host_put(host, "etc/libvirt/qemu/bert.xml", bert);
    finds_besides(host, "anna", "bert");
    finds_besides(host, "bert", "anna");
    finds_besides(host, "anna bert", NULL);
    /* Nor of one that only the record of its snapshot names. */
    host_put(host, "etc/libvirt/qemu/anna.xml", "<domain/>");
    host_put_snapshot(host, "var/lib/libvirt/qemu/snapshot/anna/1.xml", lone, IMAGE);
    host_put(host, "lone", "");
    finds_besides(host, "bert", "anna");
    finds_besides(host, "anna bert", NULL);
}

/* Another name of the image counts: a symbolic link's, and that of its directory. */
static void
test_other_names(Host *host, gconstpointer data)
{
    const char *file = "etc/libvirt/qemu/anna.xml";
    g_autofree char *image = g_build_filename(host->top, "pool/a/b-dirty.img", NULL);
    g_autofree char *link = g_build_filename(host->top, "b.img", NULL);
    g_autofree char *bare = g_build_filename(host->top, "b", NULL);
    g_autofree char *folder = g_build_filename(host->top, "way", NULL);
    g_autofree char *pool = g_build_filename(host->top, "pool/a", NULL);
    const char *others[] = {"b.img", "b", "b.qcow2", "way/b-dirty.img", "none/b-dirty.img"};
    const bool is_it[] = {true, true, false, true, false};

    (void) data;
    host_put(host, "pool/a/b-dirty.img", "");
    host_put(host, "b.qcow2", "");
    g_assert_cmpint(symlink(image, link), ==, 0);
    g_assert_cmpint(symlink(image, bare), ==, 0);
    g_assert_cmpint(symlink(pool, folder), ==, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autofree char *disk = g_strdup_printf("<source file='%s/%s'/>", host->top, others[i]);
        host_put_domain(host, file, disk);
        host_finds(host, image, true, is_it[i] ? "anna" : NULL);
    }
    /* A file that has its name, but is another. */
    host_put(host, "else/b-dirty.img", "");
    g_autofree char *foreign = g_strdup_printf("<source file='%s/else/b-dirty.img'/>", host->top);
    host_put_domain(host, file, foreign);
    host_finds(host, image, true, NULL);
    /* An image that is gone is known by its path alone. */
    g_assert_cmpint(unlink(image), ==, 0);
    host_finds(host, image, true, NULL);
    g_autofree char *overlay =
        g_strdup_printf("<driver type='qcow2'/><source file='%s/b-dirty.night'/>", folder);
    host_put_domain(host, file, overlay);
    host_finds(host, image, false, "anna");
    host_put_domain(host, file, "<driver type='qcow2'/><source file='/pool/a/b-dirty.img'/>");
    host_finds(host, IMAGE, false, NULL);
    host_put_domain(host, file, "<driver type='qcow2'/><source file='/pool/web.img'/>");
    host_finds(host, "/pool/volumes/web-dirty.img", false, NULL);
    host_put_domain(host, file, "<driver type='qcow2'/><source file='/else/web.night'/>");
    host_finds(host, "/pool/volumes/web-dirty.img", false, NULL);
}

/* @disk is that of anna: is it an overlay on the volume "a.b", "a", by its name? */
static void
dotted(Host *host, const char *disk, bool on_a_b, bool on_a)
{
    g_autofree char *source = g_strdup_printf("<driver type='qcow2'/>%s", disk);

    host_put_domain(host, "etc/libvirt/qemu/anna.xml", source);
    host_finds(host, "/pool/volumes/a.b-dirty.img", false, on_a_b ? "anna" : NULL);
    host_finds(host, "/pool/volumes/a-dirty.img", false, on_a ? "anna" : NULL);
    /* A name that may mean either permits nothing. */
    g_assert_false(
        rl_xml_definitions_name_below(host->top, "/pool/volumes/a.b-dirty.img", "anna", UUID_A));
    g_assert_false(
        rl_xml_definitions_name_below(host->top, "/pool/volumes/a-dirty.img", "anna", UUID_A));
}

/* libvirt calls the overlay of a snapshot "s" on /pool/a.b as it calls one on /pool/a. */
static void
test_dotted(Host *host, gconstpointer data)
{
    const char *const record = "var/lib/libvirt/qemu/snapshot/anna/1.xml";
    g_autofree char *path = g_build_filename(host->top, record, NULL);

    (void) data;
    dotted(host, "<source file='/pool/a.s'/>", true, true);
    dotted(host, "<source file='/pool/a.b.s'/>", true, true);
    dotted(host, "<source file='/pool/a.b'/>", false, true);
    dotted(host, "<source file='/pool/a.b.img'/>", false, true);
    dotted(host, "<source file='/pool/ab.s'/>", false, false);
    dotted(host, "<source file='/else/a.s'/>", false, false);
    dotted(host, "<source file='/pool/volumes/a-dirty.x-dirty.s'/>", false, true);
    /* What is said of what lies below counts more. */
    dotted(host, "<source file='/pool/a.s'/>" BACKING("/o/1"), false, false);
    host_put_snapshot(host, record, "/pool/a.s", "/o/1");
    dotted(host, "<source file='/pool/a.s'/>", geteuid() != 0, geteuid() != 0);
    if (geteuid() == 0) {
        g_assert_cmpint(chown(path, 1000, 1000), ==, 0);
        dotted(host, "<source file='/pool/a.s'/>", true, true);
    }
}

/* Nor is the path of another volume an overlay's. */
static void
test_dotted_path(Host *host, gconstpointer data)
{
    g_autofree char *image = g_build_filename(host->top, "pool/volumes/a-dirty.img", NULL);
    g_autofree char *link = g_build_filename(host->top, "pool/a.b", NULL);
    g_autofree char *disk = g_strdup_printf(
        "<driver type='qcow2'/><source file='/o/1'/><backingStore type='file'><format "
        "type='raw'/><source file='%s/pool/a.b'/></backingStore>",
        host->top);

    (void) data;
    host_put(host, "pool/x", "");
    host_put_domain(host, "etc/libvirt/qemu/anna.xml", disk);
    host_finds(host, image, false, "anna");
    g_assert_cmpint(symlink("volumes/a.b.img", link), ==, 0);
    host_finds(host, image, false, NULL);
    g_assert_cmpint(unlink(link), ==, 0);
    g_assert_cmpint(symlink("volumes/c-dirty.img", link), ==, 0);
    host_finds(host, image, false, "anna");
}

static void
assert_names(const Host *host, const char *name, const char *uuid, bool wanted)
{
    g_assert_cmpint(rl_xml_definitions_name_below(host->top, IMAGE, name, uuid), ==, wanted);
}

static void
assert_read(const Host *host, const char *name, const char *uuid, bool wanted)
{
    g_autoptr(RlDomain) domain = rl_xml_definitions_read_below(host->top, name, uuid);

    g_assert_cmpint(domain != NULL, ==, wanted);
}

/* A definition is that of its name and UUID, and never another file's. */
static void
test_read(Host *host, gconstpointer data)
{
    (void) data;
    assert_read(host, "anna", UUID_A, false);
    host_put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/o/1'/>" BACKING(IMAGE));
    assert_read(host, "anna", UUID_A, true);
    assert_read(host, "anna", UUID_B, false);
    assert_read(host, "bert", UUID_A, false);
    assert_read(host, "../qemu/anna", UUID_A, false);
}

/* What permits something is root's: the definition, and such a record of a snapshot. */
static void
test_permits(Host *host, gconstpointer data)
{
    const char *const record = "var/lib/libvirt/qemu/snapshot/anna/1.xml";
    g_autofree char *path = g_build_filename(host->top, record, NULL);
    g_autofree char *other = g_strconcat(path, ".other", NULL);

    (void) data;
    host_put_domain(host, "run/libvirt/qemu/anna.xml", "<source file='/o/1'/>" BACKING(IMAGE));
    assert_names(host, "anna", UUID_A, false);
    host_put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/o/1'/>" BACKING(IMAGE));
    assert_names(host, "anna", UUID_A, true);
    assert_names(host, "anna", UUID_B, false);
    assert_names(host, "bert", UUID_A, false);
    assert_names(host, "../qemu/anna", UUID_A, false);
    host_put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/o/1'/>");
    assert_names(host, "anna", UUID_A, false);
    host_put_snapshot(host, record, "/o/1", IMAGE);
    assert_names(host, "anna", UUID_A, geteuid() == 0);
    g_assert_cmpint(link(path, other), ==, 0);
    assert_names(host, "anna", UUID_A, false);
    g_assert_cmpint(g_unlink(other), ==, 0);
    if (geteuid() != 0)
        return;
    g_assert_cmpint(chown(path, 1000, 1000), ==, 0);
    assert_names(host, "anna", UUID_A, false);
    host_finds(host, IMAGE, false, "anna");
}

/* Of domains that run: which one has the image now, and has that one let it go? */
static void
test_running(Host *host, gconstpointer data)
{
    const char *const file = "run/libvirt/qemu/anna.xml";
    bool overlaid;

    (void) data;
    host_put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='" IMAGE "'/>");
    host_put(host, "run/libvirt/qemu/anna.pid", "1");
    host_put(host, "run/libvirt/qemu/otto.xml", "<domain");
    g_assert_null(rl_xml_definitions_find_running_below(host->top, IMAGE, UUID_B, &overlaid));
    g_assert_null(rl_xml_definitions_name_running_below(host->top, IMAGE));
    g_assert_null(rl_xml_definitions_name_running_below(host->top, "/pool/no-image-of-a-run"));
    g_assert_false(rl_xml_definitions_has_let_go_below(host->top, IMAGE, UUID_A));

    host_put_domain(host, file, "<source file='" IMAGE "'/>");
    g_autofree char *name = rl_xml_definitions_name_running_below(host->top, IMAGE);
    g_assert_cmpstr(name, ==, "anna");
    g_assert_null(rl_xml_definitions_name_running_overlay_below(host->top, IMAGE, UUID_B));
    g_autoptr(RlDomain) anna =
        rl_xml_definitions_find_running_below(host->top, IMAGE, UUID_B, &overlaid);
    g_assert_cmpstr(anna->uuid, ==, UUID_A);
    g_assert_false(overlaid);
    g_assert_null(rl_xml_definitions_find_running_below(host->top, IMAGE, UUID_A, &overlaid));
    g_assert_false(rl_xml_definitions_has_let_go_below(host->top, IMAGE, UUID_A));

    host_put_domain(host, file, "<source file='/o/1'/>" BACKING(IMAGE));
    g_autoptr(RlDomain) above =
        rl_xml_definitions_find_running_below(host->top, IMAGE, UUID_B, &overlaid);
    g_assert_cmpstr(above->name, ==, "anna");
    g_assert_true(overlaid);
    g_autofree char *name_above = rl_xml_definitions_name_running_below(host->top, IMAGE);
    g_assert_cmpstr(name_above, ==, "anna");
    g_assert_false(rl_xml_definitions_has_let_go_below(host->top, IMAGE, UUID_A));
    g_autofree char *overlay =
        rl_xml_definitions_name_running_overlay_below(host->top, IMAGE, UUID_B);
    g_assert_cmpstr(overlay, ==, "anna");
    g_assert_null(rl_xml_definitions_name_running_overlay_below(host->top, IMAGE, UUID_A));
    g_assert_null(
        rl_xml_definitions_name_running_overlay_below(host->top, "/pool/a/b.img", UUID_B));

    host_put_domain(host, file, "<source file='/o/1'/>");
    g_assert_null(rl_xml_definitions_name_running_overlay_below(host->top, IMAGE, UUID_B));
    g_assert_null(rl_xml_definitions_find_running_below(host->top, IMAGE, UUID_B, &overlaid));
    g_assert_true(rl_xml_definitions_has_let_go_below(host->top, IMAGE, UUID_A));
    g_assert_false(rl_xml_definitions_has_let_go_below(host->top, IMAGE, UUID_B));
    g_assert_false(rl_xml_definitions_has_let_go_below(host->top, "/pool/a/b.img", UUID_A));
    g_assert_null(
        rl_xml_definitions_find_running_below(host->top, "/pool/a/b.img", UUID_B, &overlaid));
}

/* Where libvirt's directory is none, that says nothing; where a domain's is none, it has none. */
static void
test_no_directory(Host *host, gconstpointer data)
{
    g_autofree char *qemu = g_build_filename(host->top, "var/lib/libvirt/qemu", NULL);

    (void) data;
    host_put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/o/1'/>");
    host_put(host, "var/lib/libvirt/qemu/snapshot/anna", "");
    host_finds(host, IMAGE, false, NULL);
    host_remove_tree(qemu);
    host_put(host, "var/lib/libvirt/qemu", "");
    host_finds(host, IMAGE, false, "anna");
}

/* No name of a domain or pool leads out of libvirt's directories. */
static void
test_bad_domains(Host *host, gconstpointer data)
{
    g_autofree char *out =
        host_domain("../out", UUID_A, "<driver type='qcow2'/><source file='/o/1'/>");
    g_autofree char *huge = g_strnfill(RL_DOMAIN_SIZE_MAX + 1, ' ');

    (void) data;
    host_put(host, "etc/libvirt/qemu/out.xml", out);
    host_put_snapshot(host, "var/lib/libvirt/qemu/out/1.xml", "/o/1", IMAGE);
    host_finds(host, IMAGE, false, NULL);
    host_put(host, "etc/libvirt/qemu/huge.xml", huge);
    host_put(host, "etc/libvirt/qemu/dir.xml/file", "");
    host_put(host, "etc/libvirt/qemu/empty.xml", "<domstatus/>");
    host_put(host, "etc/libvirt/qemu/diskless.xml",
             "<domain type='kvm'><name>eva</name><uuid>" UUID_A "</uuid></domain>");
    host_put_domain(host, "etc/libvirt/qemu/drive.xml", "");
    host_finds(host, IMAGE, true, NULL);
    host_put_domain(host, "etc/libvirt/qemu/last.xml", "<source file='" IMAGE "'/>");
    host_finds(host, IMAGE, true, "anna");
}

static void
put_layer_volume(const Host *host, const char *pool, const char *volume)
{
    g_autofree char *disk =
        g_strdup_printf("<driver type='qcow2'/><source file='/o/1'/><backingStore type='volume'>"
                        "<source pool='%s' volume='%s'/></backingStore>",
                        pool, volume);

    host_put_domain(host, "run/libvirt/qemu/anna.xml", disk);
}

/* A layer may be given as a volume, and its pool's file may be of no use. */
static void
test_layer_volume(Host *host, gconstpointer data)
{
    const char *pool = "<pool type='dir'><name>p</name><target><path>/pool</path></target></pool>";

    (void) data;
    put_layer_volume(host, "p", "a/b");
    host_finds(host, IMAGE, false, "anna");
    put_layer_volume(host, "p", "b");
    host_finds(host, IMAGE, false, NULL);
    put_layer_volume(host, "p", "a/b");
    host_put(host, "run/libvirt/storage/p.xml", "<poolstate");
    host_put(host, "etc/libvirt/storage/p.xml", pool);
    host_finds(host, IMAGE, false, "anna");
    host_put(host, "etc/libvirt/p.xml", pool);
    put_layer_volume(host, "../p", "a/b");
    host_finds(host, IMAGE, false, NULL);
    put_layer_volume(host, "p", "a/b@1");
    host_finds(host, IMAGE, false, NULL);
    put_layer_volume(host, "p", "a/c");
    host_finds(host, IMAGE, false, NULL);
}

/* The disk @path of a defined domain, and what lies @below it or "", both in the host's root. */
static void
put_layer(const Host *host, const char *path, const char *below)
{
    g_autofree char *layer = g_strdup_printf(
        "<backingStore type='file'><source file='%s/%s'/></backingStore>", host->top, below);
    g_autofree char *disk =
        g_strdup_printf("<source file='%s/%s'/>%s", host->top, path, *below ? layer : "");

    host_put_domain(host, "etc/libvirt/qemu/anna.xml", disk);
}

/* The pool was moved, and the definition not corrected yet. */
static void
test_moved(Host *host, gconstpointer data)
{
    const char *const file = "etc/libvirt/qemu/anna.xml";
    const char *const others[] = {"old/a/b-dirty.img", "old/x/b-dirty.img", "old/a/c-dirty.img",
                                  "old/a/b.img", "link"};
    const bool is_it[] = {true, false, false, false, true};
    g_autofree char *image = g_build_filename(host->top, "pool/a/b-dirty.img", NULL);
    g_autofree char *link = g_build_filename(host->top, "link", NULL);

    (void) data;
    host_put(host, "pool/a/b-dirty.img", "");
    g_assert_cmpint(symlink("old/a/b-dirty.img", link), ==, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autofree char *disk = g_strdup_printf(
            "<driver type='qcow2'/><source file='/o/1'/><backingStore type='file'><source "
            "file='%s/%s'/></backingStore>",
            host->top, others[i]);
        host_put_domain(host, file, disk);
        host_finds(host, image, false, is_it[i] ? "anna" : NULL);
    }
    g_assert_false(rl_xml_definitions_name_below(host->top, image, "anna", UUID_A));
    /* Another pool was built there: it has the directory, and no such volume. A disk may be off. */
    host_put(host, "old/a/other", "");
    host_finds(host, image, false, "anna");
    put_layer(host, "old/a/b-dirty.img", "");
    host_finds(host, image, true, NULL);
    put_layer(host, "o/1", "old/a/b-dirty.img");
    host_finds(host, image, true, "anna");
    host_put(host, "old/a/b-dirty.img", "");
    host_finds(host, image, false, NULL);
}

/* An overlay beside the image went with it. */
static void
test_moved_beside(Host *host, gconstpointer data)
{
    const char *const file = "etc/libvirt/qemu/anna.xml";
    const char *const others[] = {"old/a/b-dirty.s1", "old/a/c-dirty.s1", "old/x/b-dirty.s1",
                                  "old/a/b-dirty.img"};
    g_autofree char *image = g_build_filename(host->top, "pool/a/b-dirty.img", NULL);

    (void) data;
    host_put(host, "pool/a/b-dirty.img", "");
    for (int i = G_N_ELEMENTS(others) - 1; i >= 0; i--) {
        g_autofree char *disk =
            g_strdup_printf("<driver type='qcow2'/><source file='%s/%s'/>", host->top, others[i]);
        host_put_domain(host, file, disk);
        host_finds(host, image, false, i == 0 ? "anna" : NULL);
    }
    g_assert_false(rl_xml_definitions_name_below(host->top, image, "anna", UUID_A));
    /* Another pool was built there, and at last it has the overlay itself. */
    host_put(host, "old/a/other", "");
    host_finds(host, image, false, "anna");
    host_put(host, "old/a/b-dirty.s1", "");
    host_finds(host, image, false, NULL);
}

/* The name of the pool is another one's now, which has no such volume, or has one. */
static void
test_pool_renamed(Host *host, gconstpointer data)
{
    g_autofree char *image = g_build_filename(host->top, "pool/a/b-dirty.img", NULL);
    g_autofree char *now = g_strdup_printf(
        "<pool type='dir'><name>p</name><target><path>%s/new</path></target></pool>", host->top);
    const char *const record = "var/lib/libvirt/qemu/snapshot/anna/1.xml";

    (void) data;
    host_put(host, "pool/a/b-dirty.img", "");
    host_put(host, "new/a/other", "");
    host_put(host, "etc/libvirt/storage/p.xml", now);
    put_layer_volume(host, "p", "a/b");
    host_finds(host, image, false, "anna");
    put_layer_volume(host, "p", "a/c");
    host_finds(host, image, false, NULL);
    host_put_domain(host, "run/libvirt/qemu/anna.xml", "<source file='/o/1'/>");
    host_put_snapshot_of(host, record, "/o/1", "<source pool='p' volume='a/b'/>");
    host_finds(host, image, false, "anna");
    host_put(host, "new/a/b-dirty.img", "");
    host_finds(host, image, false, NULL);
    put_layer_volume(host, "p", "a/b");
    host_finds(host, image, false, NULL);
    /* A disk that is one of the domain's own need not be there: it is the other pool's. */
    g_autofree char *other = g_build_filename(host->top, "new/a/b-dirty.img", NULL);
    g_assert_cmpint(g_unlink(other), ==, 0);
    host_put_domain(host, "run/libvirt/qemu/anna.xml", "<source pool='p' volume='a/b'/>");
    host_finds(host, image, true, NULL);
}

/* The domain has its disk by a link of another name. */
static void
test_links(Host *host, gconstpointer data)
{
    const char *file = "etc/libvirt/qemu/anna.xml";
    g_autofree char *image = g_build_filename(host->top, "pool/a/b-dirty.img", NULL);
    g_autofree char *link = g_build_filename(host->top, "o/root.img", NULL);
    g_autofree char *second = g_build_filename(host->top, "second", NULL);
    g_autofree char *loop = g_build_filename(host->top, "loop", NULL);
    const char *others[] = {"o/root.img", "second", "o/.././o/root.img", "loop", "none"};
    const bool is_it[] = {true, true, true, false, false};

    (void) data;
    host_put(host, "pool/a/b-dirty.img", "");
    host_put(host, "o/other", "");
    g_assert_cmpint(symlink("../pool/a/b-dirty.img", link), ==, 0);
    g_assert_cmpint(symlink(link, second), ==, 0);
    g_assert_cmpint(symlink("loop", loop), ==, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autofree char *disk = g_strdup_printf("<source file='%s/%s'/>", host->top, others[i]);
        host_put_domain(host, file, disk);
        host_finds(host, image, true, is_it[i] ? "anna" : NULL);
    }
    host_put_domain(host, file, "<driver type='qcow2'/><source file='/o/1'/>");
    host_put_snapshot(host, "var/lib/libvirt/qemu/snapshot/anna/1.xml", "/o/1", link);
    host_finds(host, image, false, "anna");
    /* Where something is permitted, a link does not count. */
    g_assert_false(rl_xml_definitions_name_below(host->top, image, "anna", UUID_A));
}

/* The directory of the files of domains that run may be the device models' user's. */
static void
test_forged_status(Host *host, gconstpointer data)
{
    const char *const file = "run/libvirt/qemu/anna.xml";
    g_autofree char *path = g_build_filename(host->top, file, NULL);
    g_autofree char *other = g_strconcat(path, ".other", NULL);
    bool overlaid;

    (void) data;
    host_put_domain(host, file, "<source file='/o/1'/>");
    if (geteuid() != 0)
        return;
    g_assert_true(rl_xml_definitions_has_let_go_below(host->top, IMAGE, UUID_A));
    for (int i = 0; i < 3; i++) {
        host_put_domain(host, file, "<source file='/o/1'/>");
        g_assert_cmpint(i == 0   ? chown(path, 1000, 1000)
                        : i == 1 ? chmod(path, 0620)
                                 : link(path, other),
                        ==, 0);
        g_assert_false(rl_xml_definitions_has_let_go_below(host->top, IMAGE, UUID_A));
        g_assert_cmpint(i == 2 ? g_unlink(other) : 0, ==, 0);
    }
    host_put_domain(host, file, "<source file='" IMAGE "'/>");
    g_assert_cmpint(chown(path, 1000, 1000), ==, 0);
    g_assert_null(rl_xml_definitions_find_running_below(host->top, IMAGE, UUID_B, &overlaid));
    /* What forbids counts. */
    host_finds(host, IMAGE, true, "anna");
}

/* The host's own files: no domain of it has this. */
static void
test_date(Host *host, gconstpointer data)
{
    gint64 before = g_get_real_time() - G_USEC_PER_SEC;

    (void) data;
    g_assert_cmpint(rl_xml_definitions_date_below(host->top, "anna"), ==, 0);
    g_assert_cmpint(rl_xml_definitions_date_below(host->top, "../anna"), ==, 0);
    host_put_domain(host, "etc/libvirt/libxl/anna.xml", "<source file='/o/1'/>");
    g_assert_cmpint(rl_xml_definitions_date_below(host->top, "anna"), >, before);
    g_assert_false(rl_xml_definitions_name_below(host->top, IMAGE, "../libxl/anna", UUID_A));
    g_assert_false(rl_xml_definitions_name_below(host->top, "/pool/a/b.img", "anna", UUID_A));
}

static void
test_host(void)
{
    bool overlaid;

    g_assert_null(rl_xml_definitions_find("/nowhere/of/any-dirty.img", true, NULL, NULL));
    g_assert_null(rl_xml_definitions_find_running("/nowhere/of/any-dirty.img", NULL, &overlaid));
    g_assert_false(rl_xml_definitions_name("/nowhere/of/any-dirty.img", "none", UUID_A));
}

void
add_tests(void)
{
    static const HostTest tests[] = {
        {"/xml/definitions/nothing", test_nothing},
        {"/xml/definitions/disk", test_disk},
        {"/xml/definitions/layers", test_layers},
        {"/xml/definitions/transient", test_transient},
        {"/xml/definitions/name", test_name},
        {"/xml/definitions/data-store", test_data_store},
        {"/xml/definitions/running", test_running},
        {"/xml/definitions/no-directory", test_no_directory},
        {"/xml/definitions/permits", test_permits},
        {"/xml/definitions/read", test_read},
        {"/xml/definitions/volume", test_volume},
        {"/xml/definitions/let-go", test_let_go},
        {"/xml/definitions/other-names", test_other_names},
        {"/xml/definitions/moved", test_moved},
        {"/xml/definitions/moved-beside", test_moved_beside},
        {"/xml/definitions/dotted", test_dotted},
        {"/xml/definitions/dotted-path", test_dotted_path},
        {"/xml/definitions/pool-renamed", test_pool_renamed},
        {"/xml/definitions/bad-domains", test_bad_domains},
        {"/xml/definitions/layer-volume", test_layer_volume},
        {"/xml/definitions/links", test_links},
        {"/xml/definitions/forged-status", test_forged_status},
        {"/xml/definitions/date", test_date},
    };

    host_add_tests(tests, G_N_ELEMENTS(tests));
    g_test_add_func("/xml/definitions/host", test_host);
}
