/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Overlays that the record of a snapshot alone knows. */
#include "common/base/autofd.h"
#include "common/format/image-owner.h"
#include "common/fs/xattr.h"
#include "harness/host-files.h"
#include "xml/definitions.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFINITION "etc/libvirt/qemu/anna.xml"
#define RECORD "var/lib/libvirt/qemu/snapshot/anna/1.xml"
#define DAY 86400

/* Its domain was transient, or had the disk for one run only. Where it was made nothing is: it may
 * have been moved, or its file system is not mounted. */
static void
test_moved(Host *host, gconstpointer data)
{
    g_autofree char *overlay = g_build_filename(host->top, "ov", "overlay", NULL);

    (void) data;
    host_put_snapshot(host, RECORD, overlay, IMAGE);
    host_finds(host, IMAGE, false, "anna");
    host_finds(host, "/pool/a/c-dirty.img", false, NULL);
    host_put(host, "ov/NOT_MOUNTED", "");
    host_finds(host, IMAGE, false, "anna");
    host_put(host, "ov/overlay", "");
    host_finds(host, IMAGE, false, "anna");
    g_autofree char *excepted =
        rl_xml_definitions_find_below(host->top, IMAGE, false, UUID_A, NULL);
    g_assert_null(excepted);
    /* Another disk that the domain has in its place does not say that it is merged, nor does a
     * definition that has the overlay by its new path. */
    host_put_domain(host, DEFINITION, "<source file='/o/other'/>");
    host_finds(host, IMAGE, false, "anna");
    host_put_domain(host, DEFINITION, "<driver type='qcow2'/><source file='/o/overlay'/>");
    host_finds(host, IMAGE, false, "anna");
}

/* It is merged where the domain has the image itself as that disk, not as another one. */
static void
test_merged(Host *host, gconstpointer data)
{
    g_autofree char *other = host_domain("anna", UUID_A, "<source file='" IMAGE "'/>");
    g_auto(GStrv) parts = g_strsplit(other, "vda", -1);
    g_autofree char *moved = g_strjoinv("vdz", parts);

    (void) data;
    host_put_snapshot(host, RECORD, "/o/1", IMAGE);
    host_put_domain(host, DEFINITION, "<source file='" IMAGE "'/>");
    host_finds(host, IMAGE, false, NULL);
    host_put_domain(host, DEFINITION, "<source pool='p' volume='a/b'/>");
    host_finds(host, IMAGE, false, NULL);
    host_put(host, DEFINITION, moved);
    host_finds(host, IMAGE, false, "anna");
}

/* The volumes of two pools have the same names. Of a domain that is off, whose snapshots were
 * merged, the image is not there, but its disk says where that will be. */
static void
test_merged_off(Host *host, gconstpointer data)
{
    g_autofree char *image = g_build_filename(host->top, "pool/a/b-dirty.img", NULL);
    g_autofree char *other = g_build_filename(host->top, "other/a/b-dirty.img", NULL);
    g_autofree char *beside = g_build_filename(host->top, "other/a/b-dirty.s1", NULL);
    g_autofree char *disk = g_strdup_printf("<source file='%s'/>", other);

    (void) data;
    host_put(host, "pool/a/b-dirty.img", "");
    host_put(host, "other/a/b.img", "");
    host_put_domain(host, DEFINITION, disk);
    host_put_snapshot(host, RECORD, beside, other);
    host_finds(host, image, false, NULL);
    /* It had a second overlay on the first one. */
    host_put_snapshot(host, "var/lib/libvirt/qemu/snapshot/anna/2.xml", "/o/2", beside);
    host_finds(host, image, false, NULL);
    host_put_domain(host, DEFINITION, "<source file='/o/elsewhere'/>");
    host_finds(host, image, false, "anna");
}

/* A record of an overlay on @image that was made so many @seconds ago. */
static void
put_record(const Host *host, const char *overlay, const char *image, gint64 seconds)
{
    g_autofree char *disk = g_strdup_printf("<source file='%s'/>", image);
    g_autofree char *before = host_domain("anna", UUID_A, disk);
    g_autofree char *text = g_strdup_printf(
        "<domainsnapshot><creationTime>%" G_GINT64_FORMAT "</creationTime><disks><disk name='vda' "
        "snapshot='external'><source file='%s'/></disk></disks>%s</domainsnapshot>",
        g_get_real_time() / G_USEC_PER_SEC - seconds, overlay, before);

    host_put(host, RECORD, text);
}

/* True where the file system tells when the image was made. */
static bool
tells_birth(int fd)
{
    struct statx st;

    return statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &st) == 0 && (st.stx_mask & STATX_BTIME);
}

/* It is older than the image, as the domain's former volume's: the records of merged snapshots may
 * be left for ever. */
static void
test_earlier_image(Host *host, gconstpointer data)
{
    const RlDomainRef bert = {.driver = "qemu", .uuid = UUID_B, .name = "bert"};
    g_autofree char *image = g_build_filename(host->top, "pool/a/b-dirty.img", NULL);
    g_autofree char *overlay = g_build_filename(host->top, "ov", "overlay", NULL);
    g_autofree char *beside = g_build_filename(host->top, "ov", "other", NULL);
    g_autofree char *dir = g_path_get_dirname(overlay);
    g_autoptr(RlImageOwner) run = NULL;

    (void) data;
    host_put(host, "pool/a/b-dirty.img", "");
    host_put(host, "ov/other", "");
    rl_autofd int fd = open(image, O_RDONLY | O_CLOEXEC);
    put_record(host, overlay, image, 3 * DAY);
    host_finds(host, image, false, "anna");
    if (!tells_birth(fd) || !rl_image_owner_set(fd, &bert, (RlOwnerTraits){0}, NULL)) {
        g_test_skip("no time of birth, or no attributes");
        return;
    }
    host_finds(host, image, false, NULL);
    /* The clock may have been set. */
    put_record(host, overlay, image, DAY / 2);
    host_finds(host, image, false, "anna");
    put_record(host, overlay, image, 3 * DAY);
    host_put(host, "ov/overlay", "");
    host_finds(host, image, false, "anna");
    g_assert_cmpint(unlink(overlay), ==, 0);
    host_finds(host, image, false, NULL);
    /* Its file system may not be mounted: the directory that is left is empty, or gone as well. */
    g_assert_cmpint(unlink(beside), ==, 0);
    host_finds(host, image, false, "anna");
    g_assert_cmpint(rmdir(dir), ==, 0);
    host_finds(host, image, false, NULL);
    host_put(host, "ov/other", "");
    /* The image is a copy of an older one. */
    g_assert_true(rl_image_owner_get(fd, &run, NULL));
    g_free(run->inode);
    run->inode = g_strdup("1 1.1");
    g_assert_true(rl_image_owner_put_back(fd, run, NULL));
    host_finds(host, image, false, "anna");
}

/* What cannot be looked at, or is below a file, may be anywhere. */
static void
test_odd_places(Host *host, gconstpointer data)
{
    g_autofree char *below_file = g_build_filename(host->top, "file", "overlay", NULL);
    g_autofree char *long_name = g_strnfill(300, 'x');
    g_autofree char *too_long = g_build_filename(host->top, long_name, NULL);
    const char *const places[] = {below_file, too_long, "overlay"};

    (void) data;
    host_put(host, "file", "");
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        host_put_snapshot(host, RECORD, places[i], IMAGE);
        host_finds(host, IMAGE, false, "anna");
    }
}

/* Where the image does not tell when it was made the record counts, however old it is. */
static void
test_images_that_tell_nothing(Host *host, gconstpointer data)
{
    static const char *const runs[] = {NULL, "[run]\ndriver=qemu\n",
                                       "[run]\ndriver=qemu\ninode=1 1.0\n"};
    g_autofree char *overlay = g_build_filename(host->top, "ov", "overlay", NULL);
    g_autofree char *none = g_build_filename(host->top, "pool/none-dirty.img", NULL);
    g_autofree char *image = g_build_filename(host->top, "pool/b-dirty.img", NULL);
    GError *error = NULL;

    (void) data;
    host_put(host, "ov/other", "");
    host_put(host, "pool/b-dirty.img", "");
    put_record(host, overlay, none, 400 * DAY);
    host_finds(host, none, false, "anna");
    put_record(host, overlay, image, 400 * DAY);
    for (size_t i = 0; i < G_N_ELEMENTS(runs); i++) {
        rl_autofd int fd = open(image, O_RDWR | O_CLOEXEC);
        if (runs[i] && !rl_xattr_set(fd, "run", runs[i], &error)) {
            g_test_skip("no attributes here");
            g_clear_error(&error);
            return;
        }
        host_finds(host, image, false, "anna");
    }
}

void
add_tests(void)
{
    static const HostTest tests[] = {
        {"/xml/lone-overlays/moved", test_moved},
        {"/xml/lone-overlays/merged", test_merged},
        {"/xml/lone-overlays/merged-off", test_merged_off},
        {"/xml/lone-overlays/earlier-image", test_earlier_image},
        {"/xml/lone-overlays/odd-places", test_odd_places},
        {"/xml/lone-overlays/images-that-tell-nothing", test_images_that_tell_nothing},
    };

    host_add_tests(tests, G_N_ELEMENTS(tests));
}
