/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which domain has an image as a disk or below one, as libvirt's own files say. */
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
    const char *type = strstr(disk, "<source pool=") ? "volume" : "file";

    return g_strdup_printf("<domain type='kvm'><name>%s</name><uuid>%s</uuid><devices>"
                           "<disk type='%s'>%s<target dev='vda'/></disk></devices></domain>",
                           name, uuid, type, disk);
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
put_snapshot_of(const Host *host, const char *file, const char *overlay, const char *disk)
{
    g_autofree char *text = domain("anna", UUID_A, disk);
    g_autofree char *snapshot = g_strdup_printf(
        "<domainsnapshot><disks><disk name='vda' snapshot='external'><source file='%s'/></disk>"
        "<disk name='vdb' snapshot='no'/></disks>%s</domainsnapshot>",
        overlay, text);

    put(host, file, snapshot);
}

static void
put_snapshot(const Host *host, const char *file, const char *overlay, const char *before)
{
    g_autofree char *disk = g_strdup_printf("<source file='%s'/>", before);

    put_snapshot_of(host, file, overlay, disk);
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
    /* The disk was a volume by name. */
    put_snapshot_of(host, "var/lib/libvirt/qemu/snapshot/anna/1.xml", "/o/1",
                    "<source pool='p' volume='a/b'/>");
    assert_found(host, IMAGE, false, "anna"); /* the pool may have another name now */
    assert_found(host, "/pool/a/c-dirty.img", false, NULL);
    put(host, "etc/libvirt/storage/p.xml",
        "<pool type='dir'><name>p</name><target><path>/pool</path></target></pool>");
    assert_found(host, IMAGE, false, "anna");
    assert_found(host, "/pool/a/c-dirty.img", false, NULL);
    /* A circle has an end. */
    put_snapshot(host, "var/lib/libvirt/qemu/snapshot/anna/1.xml", "/o/1", "/o/2");
    assert_found(host, IMAGE, false, NULL);
}

#define DATA "<dataStore type='file'><format type='raw'/><source file='" IMAGE "'/></dataStore>"

/* The file that has the data of a disk's image is that disk; below an overlay it is below. */
static void
test_data_store(Host *host, gconstpointer data)
{
    const char *file = "etc/libvirt/qemu/anna.xml";

    (void) data;
    put_domain(host, file, "<driver type='qcow2'/><source file='/o/1'>" DATA "</source>");
    assert_found(host, IMAGE, true, "anna");
    assert_found(host, IMAGE, false, NULL);
    put_domain(host, file,
               "<driver type='qcow2'/><source file='/o/2'/><backingStore type='file'>"
               "<format type='qcow2'/><source file='/o/1'>" DATA "</source></backingStore>");
    assert_found(host, IMAGE, false, "anna");
    put_domain(host, file, "<driver type='qcow2'/><source file='/o/2'/>");
    put_snapshot_of(host, "var/lib/libvirt/qemu/snapshot/anna/1.xml", "/o/2",
                    "<driver type='qcow2'/><source file='/o/1'>" DATA "</source>");
    assert_found(host, IMAGE, false, "anna");
    assert_found(host, "/pool/a/x-dirty.img", false, NULL);
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
    assert_found(host, IMAGE, true, "anna");
    put(host, "etc/libvirt/storage/p.xml",
        "<pool type='dir'><name>p</name><target><path>/other</path></target></pool>");
    assert_found(host, IMAGE, true, NULL);
    put(host, "etc/libvirt/storage/p.xml",
        "<pool type='dir'><name>p</name><target><path>/pool</path></target></pool>");
    assert_found(host, IMAGE, true, "anna");
    assert_found(host, "/pool/a/c-dirty.img", true, NULL);
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
    put(host, "pool/a/b-dirty.img", "");
    put(host, "b.qcow2", "");
    g_assert_cmpint(symlink(image, link), ==, 0);
    g_assert_cmpint(symlink(image, bare), ==, 0);
    g_assert_cmpint(symlink(pool, folder), ==, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autofree char *disk = g_strdup_printf("<source file='%s/%s'/>", host->top, others[i]);
        put_domain(host, file, disk);
        assert_found(host, image, true, is_it[i] ? "anna" : NULL);
    }
    /* A file that has its name, but is another. */
    put(host, "else/b-dirty.img", "");
    g_autofree char *foreign = g_strdup_printf("<source file='%s/else/b-dirty.img'/>", host->top);
    put_domain(host, file, foreign);
    assert_found(host, image, true, NULL);
    /* An image that is gone is known by its path alone. */
    g_assert_cmpint(unlink(image), ==, 0);
    assert_found(host, image, true, NULL);
    g_autofree char *overlay =
        g_strdup_printf("<driver type='qcow2'/><source file='%s/b-dirty.night'/>", folder);
    put_domain(host, file, overlay);
    assert_found(host, image, false, "anna");
    put_domain(host, file, "<driver type='qcow2'/><source file='/pool/a/b-dirty.img'/>");
    assert_found(host, IMAGE, false, NULL);
    put_domain(host, file, "<driver type='qcow2'/><source file='/pool/web.img'/>");
    assert_found(host, "/pool/volumes/web-dirty.img", false, NULL);
    put_domain(host, file, "<driver type='qcow2'/><source file='/else/web.night'/>");
    assert_found(host, "/pool/volumes/web-dirty.img", false, NULL);
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
    put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/o/1'/>" BACKING(IMAGE));
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
    put_domain(host, "run/libvirt/qemu/anna.xml", "<source file='/o/1'/>" BACKING(IMAGE));
    assert_names(host, "anna", UUID_A, false);
    put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/o/1'/>" BACKING(IMAGE));
    assert_names(host, "anna", UUID_A, true);
    assert_names(host, "anna", UUID_B, false);
    assert_names(host, "bert", UUID_A, false);
    put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/o/1'/>");
    assert_names(host, "anna", UUID_A, false);
    put_snapshot(host, record, "/o/1", IMAGE);
    assert_names(host, "anna", UUID_A, geteuid() == 0);
    g_assert_cmpint(link(path, other), ==, 0);
    assert_names(host, "anna", UUID_A, false);
    g_assert_cmpint(g_unlink(other), ==, 0);
    if (geteuid() != 0)
        return;
    g_assert_cmpint(chown(path, 1000, 1000), ==, 0);
    assert_names(host, "anna", UUID_A, false);
    assert_found(host, IMAGE, false, "anna");
}

/* Of domains that run: which one has the image now, and has that one let it go? */
static void
test_running(Host *host, gconstpointer data)
{
    const char *const file = "run/libvirt/qemu/anna.xml";
    bool overlaid;

    (void) data;
    put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='" IMAGE "'/>");
    put(host, "run/libvirt/qemu/anna.pid", "1");
    put(host, "run/libvirt/qemu/otto.xml", "<domain");
    g_assert_null(rl_xml_definitions_find_running_below(host->top, IMAGE, UUID_B, &overlaid));
    g_assert_false(rl_xml_definitions_has_let_go_below(host->top, IMAGE, UUID_A));

    put_domain(host, file, "<source file='" IMAGE "'/>");
    g_autoptr(RlDomain) anna =
        rl_xml_definitions_find_running_below(host->top, IMAGE, UUID_B, &overlaid);
    g_assert_cmpstr(anna->uuid, ==, UUID_A);
    g_assert_false(overlaid);
    g_assert_null(rl_xml_definitions_find_running_below(host->top, IMAGE, UUID_A, &overlaid));
    g_assert_false(rl_xml_definitions_has_let_go_below(host->top, IMAGE, UUID_A));

    put_domain(host, file, "<source file='/o/1'/>" BACKING(IMAGE));
    g_autoptr(RlDomain) above =
        rl_xml_definitions_find_running_below(host->top, IMAGE, UUID_B, &overlaid);
    g_assert_cmpstr(above->name, ==, "anna");
    g_assert_true(overlaid);
    g_assert_false(rl_xml_definitions_has_let_go_below(host->top, IMAGE, UUID_A));

    put_domain(host, file, "<source file='/o/1'/>");
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
    put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/o/1'/>");
    put(host, "var/lib/libvirt/qemu/snapshot/anna", "");
    assert_found(host, IMAGE, false, NULL);
    remove_tree(qemu);
    put(host, "var/lib/libvirt/qemu", "");
    assert_found(host, IMAGE, false, "anna");
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
    put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/o/1'/>");
    put_snapshot(host, real, "/o/1", "/none");
    put(host, "var/lib/libvirt/qemu/snapshot/none", "");
    assert_found(host, IMAGE, false, NULL);
    assert_doubt(host, NULL);
    g_assert_cmpint(symlink(to, link), ==, 0);
    assert_found(host, IMAGE, false, "anna");
    assert_doubt(host, "var/lib/libvirt/qemu/snapshot/anna");
    g_assert_false(rl_xml_definitions_name_below(host->top, IMAGE, "anna", UUID_A));
    g_assert_cmpint(unlink(link), ==, 0);
    put(host, "var/lib/libvirt/qemu/snapshot/anna/none", "");
    g_autofree char *file = g_build_filename(link, "2.xml", NULL);
    g_autofree char *target = g_build_filename(host->top, real, NULL);
    g_assert_cmpint(symlink(target, file), ==, 0);
    assert_found(host, IMAGE, false, NULL);
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
    put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/o/1'/>");
    put(host, first, large);
    assert_found(host, IMAGE, false, NULL);
    for (int i = 0; i < 8; i++) {
        g_autofree char *other = g_strdup_printf("%s.%d", one, i);
        g_assert_cmpint(link(one, other), ==, 0);
    }
    assert_found(host, IMAGE, false, "anna");
    remove_tree(all);
    put(host, name, large);
    assert_found(host, IMAGE, false, NULL);
    g_assert_cmpint(truncate(path, 4 * 1024 * 1024 + 1), ==, 0);
    assert_found(host, IMAGE, false, "anna");
    assert_doubt(host, dir);
}

/* Records of snapshots that are damaged, foreign or incomplete hide none of the good ones. */
static void
test_bad_snapshots(Host *host, gconstpointer data)
{
#define SNAPSHOTS "var/lib/libvirt/qemu/snapshot/anna/"
#define OVERLAY "<disks><disk name='vda'><source file='/o/1'/></disk></disks>"
    g_autofree char *none = domain("anna", UUID_A, "");
    g_autofree char *other =
        g_strdup_printf("<domainsnapshot>" OVERLAY "%s</domainsnapshot>", none);

    (void) data;
    put_domain(host, "etc/libvirt/qemu/anna.xml", "<driver type='qcow2'/><source file='/o/1'/>");
    put(host, SNAPSHOTS "a.xml", "<domainsnapshot");
    put(host, SNAPSHOTS "b.xml", "");
    put(host, SNAPSHOTS "c.xml", "<domainsnapshot>" OVERLAY "</domainsnapshot>");
    put(host, SNAPSHOTS "d.xml", "<domainsnapshot>" OVERLAY "<domain/></domainsnapshot>");
    put(host, SNAPSHOTS "e.xml", other);
    put(host, SNAPSHOTS "f.xml/file", "");
    assert_found(host, IMAGE, false, NULL);
    put_snapshot(host, SNAPSHOTS "g.xml", "/o/1", "/pool/a/b-dirty.night");
    assert_found(host, IMAGE, false, "anna");
    g_autofree char *text = domain("anna", UUID_A, "<source file='" IMAGE "'/>");
    g_autofree char *inner = g_strdup_printf("<domainsnapshot>%s</domainsnapshot>", text);
    put(host, SNAPSHOTS "g.xml", inner);
    assert_found(host, IMAGE, false, NULL);
    /* Of another disk. */
    g_autofree char *vdb =
        g_strdup_printf("<domainsnapshot><disks><disk name='vdb'>"
                        "<source file='/o/1'/></disk></disks>%s</domainsnapshot>",
                        text);
    put(host, SNAPSHOTS "g.xml", vdb);
    assert_found(host, IMAGE, false, NULL);
    /* Below a layer that the definition does name. */
    put_domain(host, "etc/libvirt/qemu/anna.xml",
               "<driver type='qcow2'/><source file='/o/2'/>" BACKING("/o/1"));
    put_snapshot(host, SNAPSHOTS "g.xml", "/o/1", IMAGE);
    assert_found(host, IMAGE, false, "anna");
}

/* No name of a domain or pool leads out of libvirt's directories. */
static void
test_bad_domains(Host *host, gconstpointer data)
{
    g_autofree char *out = domain("../out", UUID_A, "<driver type='qcow2'/><source file='/o/1'/>");
    g_autofree char *huge = g_strnfill(RL_DOMAIN_SIZE_MAX + 1, ' ');

    (void) data;
    put(host, "etc/libvirt/qemu/out.xml", out);
    put_snapshot(host, "var/lib/libvirt/qemu/out/1.xml", "/o/1", IMAGE);
    assert_found(host, IMAGE, false, NULL);
    put(host, "etc/libvirt/qemu/huge.xml", huge);
    put(host, "etc/libvirt/qemu/dir.xml/file", "");
    put(host, "etc/libvirt/qemu/empty.xml", "<domstatus/>");
    put(host, "etc/libvirt/qemu/diskless.xml",
        "<domain type='kvm'><name>eva</name><uuid>" UUID_A "</uuid></domain>");
    put_domain(host, "etc/libvirt/qemu/drive.xml", "");
    assert_found(host, IMAGE, true, NULL);
    put_domain(host, "etc/libvirt/qemu/last.xml", "<source file='" IMAGE "'/>");
    assert_found(host, IMAGE, true, "anna");
}

static void
put_layer_volume(const Host *host, const char *pool, const char *volume)
{
    g_autofree char *disk =
        g_strdup_printf("<driver type='qcow2'/><source file='/o/1'/><backingStore type='volume'>"
                        "<source pool='%s' volume='%s'/></backingStore>",
                        pool, volume);

    put_domain(host, "run/libvirt/qemu/anna.xml", disk);
}

/* A layer may be given as a volume, and its pool's file may be of no use. */
static void
test_layer_volume(Host *host, gconstpointer data)
{
    const char *pool = "<pool type='dir'><name>p</name><target><path>/pool</path></target></pool>";

    (void) data;
    put_layer_volume(host, "p", "a/b");
    assert_found(host, IMAGE, false, "anna");
    put_layer_volume(host, "p", "b");
    assert_found(host, IMAGE, false, NULL);
    put_layer_volume(host, "p", "a/b");
    put(host, "run/libvirt/storage/p.xml", "<poolstate");
    put(host, "etc/libvirt/storage/p.xml", pool);
    assert_found(host, IMAGE, false, "anna");
    put(host, "etc/libvirt/p.xml", pool);
    put_layer_volume(host, "../p", "a/b");
    assert_found(host, IMAGE, false, NULL);
    put_layer_volume(host, "p", "a/b@1");
    assert_found(host, IMAGE, false, NULL);
    put_layer_volume(host, "p", "a/c");
    assert_found(host, IMAGE, false, NULL);
}

/* A record that a process has a lease on is not waited for, nor is it as if it were not there. */
static void
test_leased_snapshot(Host *host, gconstpointer data)
{
    static const char *const dir = "var/lib/libvirt/qemu/snapshot/anna";
    g_autofree char *path = g_build_filename(host->top, dir, "leased.xml", NULL);

    (void) data;
    put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/elsewhere.img'/>");
    put(host, "var/lib/libvirt/qemu/snapshot/anna/leased.xml", "<domainsnapshot/>");
    assert_found(host, IMAGE, false, NULL);
    signal(SIGIO, SIG_IGN);
    rl_autofd int fd = open(path, O_RDWR | O_CLOEXEC);
    g_assert_cmpint(fcntl(fd, F_SETLEASE, F_WRLCK), ==, 0);
    assert_found(host, IMAGE, false, "anna");
    assert_doubt(host, dir);
    g_assert_false(rl_xml_definitions_name_below(host->top, IMAGE, "anna", UUID_A));
    rl_fd_close(&fd);
    assert_found(host, IMAGE, false, NULL);
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
    put(host, "pool/a/b-dirty.img", "");
    put(host, "o/other", "");
    g_assert_cmpint(symlink("../pool/a/b-dirty.img", link), ==, 0);
    g_assert_cmpint(symlink(link, second), ==, 0);
    g_assert_cmpint(symlink("loop", loop), ==, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autofree char *disk = g_strdup_printf("<source file='%s/%s'/>", host->top, others[i]);
        put_domain(host, file, disk);
        assert_found(host, image, true, is_it[i] ? "anna" : NULL);
    }
    put_domain(host, file, "<driver type='qcow2'/><source file='/o/1'/>");
    put_snapshot(host, "var/lib/libvirt/qemu/snapshot/anna/1.xml", "/o/1", link);
    assert_found(host, image, false, "anna");
    /* Where something is permitted, a link does not count. */
    g_assert_false(rl_xml_definitions_name_below(host->top, image, "anna", UUID_A));
}

/* An overlay may have been given to another domain: the record is that of whose snapshot it was. */
static void
test_given_overlay(Host *host, gconstpointer data)
{
    g_autofree char *otto = domain("otto", "00000000-0000-4000-8000-00000000000c",
                                   "<driver type='qcow2'/><source file='/o/1'/>");

    (void) data;
    put_snapshot(host, "var/lib/libvirt/qemu/snapshot/anna/1.xml", "/o/1", IMAGE);
    put(host, "run/libvirt/qemu/otto.xml", otto);
    assert_found(host, IMAGE, false, NULL);
    put(host, "etc/libvirt/qemu/anna.xml",
        "<domain type='kvm'><name>anna</name><uuid>" UUID_A "</uuid></domain>");
    assert_found(host, IMAGE, false, "otto");
    put_domain(host, "etc/libvirt/qemu/anna.xml", "<source file='/o/2'/>");
    assert_found(host, IMAGE, false, "otto");
    assert_found(host, "/pool/a/c-dirty.img", false, NULL);
    g_autofree char *found = rl_xml_definitions_find_below(host->top, IMAGE, false, UUID_A);
    g_assert_cmpstr(found, ==, "otto");
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
    put_domain(host, file, "<source file='/o/1'/>");
    if (geteuid() != 0)
        return;
    g_assert_true(rl_xml_definitions_has_let_go_below(host->top, IMAGE, UUID_A));
    for (int i = 0; i < 3; i++) {
        put_domain(host, file, "<source file='/o/1'/>");
        g_assert_cmpint(i == 0   ? chown(path, 1000, 1000)
                        : i == 1 ? chmod(path, 0620)
                                 : link(path, other),
                        ==, 0);
        g_assert_false(rl_xml_definitions_has_let_go_below(host->top, IMAGE, UUID_A));
        g_assert_cmpint(i == 2 ? g_unlink(other) : 0, ==, 0);
    }
    put_domain(host, file, "<source file='" IMAGE "'/>");
    g_assert_cmpint(chown(path, 1000, 1000), ==, 0);
    g_assert_null(rl_xml_definitions_find_running_below(host->top, IMAGE, UUID_B, &overlaid));
    /* What forbids counts. */
    assert_found(host, IMAGE, true, "anna");
}

/* The host's own files: no domain of it has this. */
static void
test_host(void)
{
    bool overlaid;

    g_assert_null(rl_xml_definitions_find("/nowhere/of/any-dirty.img", true, NULL));
    g_assert_null(rl_xml_definitions_find_running("/nowhere/of/any-dirty.img", NULL, &overlaid));
    g_assert_false(rl_xml_definitions_name("/nowhere/of/any-dirty.img", "none", UUID_A));
}

void
add_tests(void)
{
    static const struct {
        const char *path;
        void (*test)(Host *, gconstpointer);
    } tests[] = {
        {"/xml/definitions/nothing", test_nothing},
        {"/xml/definitions/disk", test_disk},
        {"/xml/definitions/layers", test_layers},
        {"/xml/definitions/transient", test_transient},
        {"/xml/definitions/name", test_name},
        {"/xml/definitions/snapshots", test_snapshots},
        {"/xml/definitions/data-store", test_data_store},
        {"/xml/definitions/running", test_running},
        {"/xml/definitions/no-directory", test_no_directory},
        {"/xml/definitions/linked-snapshots", test_linked_snapshots},
        {"/xml/definitions/many-snapshots", test_many_snapshots},
        {"/xml/definitions/leased-snapshot", test_leased_snapshot},
        {"/xml/definitions/permits", test_permits},
        {"/xml/definitions/read", test_read},
        {"/xml/definitions/volume", test_volume},
        {"/xml/definitions/other-names", test_other_names},
        {"/xml/definitions/bad-snapshots", test_bad_snapshots},
        {"/xml/definitions/bad-domains", test_bad_domains},
        {"/xml/definitions/layer-volume", test_layer_volume},
        {"/xml/definitions/links", test_links},
        {"/xml/definitions/given-overlay", test_given_overlay},
        {"/xml/definitions/forged-status", test_forged_status},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].path, Host, NULL, set_up, tests[i].test, tear_down);
    g_test_add_func("/xml/definitions/host", test_host);
}
