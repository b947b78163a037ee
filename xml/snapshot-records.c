/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "snapshot-records.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "layer-graph.h"
#include "lone-overlays.h"
#include "node.h"
#include "parser.h"

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/fs/dirfd.h"

/* The first belongs to the device models' user, with all that is in it. */
#define QEMU_DIR "var/lib/libvirt/qemu"
#define SNAPSHOT_DIR "snapshot"

/* Of all snapshots that one search reads: a host has a few thousand, of ten KiB each. */
#define SNAPSHOTS_MAX 20000
#define SNAPSHOTS_SIZE_MAX (32 * 1024 * 1024)
/* A search takes so long at most: that many are read in less. */
#define SNAPSHOTS_SECONDS 10

/* One more, of so many bytes: what is passed over costs as well. */
static bool
spend(RlImageSearch *search, size_t bytes, GError **error)
{
    search->files++;
    search->bytes += bytes;
    if (search->until_us == 0)
        search->until_us = g_get_monotonic_time() + SNAPSHOTS_SECONDS * G_USEC_PER_SEC;
    if (g_get_monotonic_time() > search->until_us)
        return rl_fail(error, RL_ERROR_INVALID, "reading them takes longer than %d seconds",
                       SNAPSHOTS_SECONDS);
    return (search->files <= SNAPSHOTS_MAX && search->bytes <= SNAPSHOTS_SIZE_MAX) ||
           rl_fail(error, RL_ERROR_INVALID,
                   "there are more than %d snapshots, or than %d MiB of them", SNAPSHOTS_MAX,
                   SNAPSHOTS_SIZE_MAX / (1024 * 1024));
}

/* Does @error say that there is no such record, or what is there is none? */
static bool
is_no_record(const GError *error)
{
    return rl_error_is_errno(error, ENOENT) || rl_error_is_errno(error, ELOOP) ||
           g_error_matches(error, RL_ERROR, RL_ERROR_INVALID);
}

/* The record @file of a snapshot in @dir: NULL in *@ret_text if it is to be passed over.
 * *@ret_roots says whether only root can have written it. False with
 * @error where it cannot be opened, as while a process has a lease on it, and where it, or all of
 * them, are more than can be looked through. */
static bool
read_snapshot(RlImageSearch *search, int dir, const char *file, char **ret_text, size_t *ret_length,
              bool *ret_roots, GError **error)
{
    g_autoptr(GError) cause = NULL;
    rl_autofd int fd = rl_dirfd_open_file_at_once(dir, file, O_RDONLY, &cause);
    struct stat st;

    *ret_text = NULL;
    *ret_roots = false;
    if (cause && !search->permits && !is_no_record(cause)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    *ret_roots = fd >= 0 && rl_image_search_is_roots_only(fd);
    if (fd < 0 || fstat(fd, &st) < 0 || (search->permits && !*ret_roots))
        return spend(search, 0, error);
    if (!spend(search, (size_t) st.st_size, error))
        return false;
    *ret_text = rl_dirfd_read_opened(fd, file, RL_DOMAIN_SIZE_MAX, ret_length, error);
    return *ret_text != NULL;
}

/* The directory of the snapshots of @domain, or where it is NULL that of all; -1 with @error, none
 * where it has none. Whose user owns what lies above it cannot lead us elsewhere. */
static int
open_snapshots(const RlImageSearch *search, const char *domain, GError **error)
{
    g_autofree char *path = g_build_filename(search->top, QEMU_DIR, NULL);
    g_autofree char *inside = g_build_filename(SNAPSHOT_DIR, domain, NULL);
    rl_autofd int top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(GError) cause = NULL;

    if (top < 0 && errno != ENOENT)
        rl_fail_errno(error, errno, "cannot open '%s'", path);
    if (top < 0 || (domain && strchr(domain, '/')))
        return -1;
    int fd = rl_dirfd_open(top, inside, &cause);
    if (cause && !rl_error_is_errno(cause, ENOENT) && !rl_error_is_errno(cause, ENOTDIR))
        g_propagate_error(error, g_steal_pointer(&cause));
    return fd;
}

/* What stands for the path of an overlay that has none, being on the network: owned by the caller,
 * and no path is like it. It cannot be told whether that is there still (lone-overlays.h). */
static char *
disk_key(const RlDomain *domain, const char *target)
{
    return g_strdup_printf("disk of %s %s", domain->uuid, target);
}

/* The path of the image at @path, or of the volume that is named; owned by the caller, NULL where
 * there is none. */
static char *
path_of(const RlImageSearch *search, const char *path, const char *pool, const char *volume)
{
    return path || !pool ? g_strdup(path) : rl_image_search_path_of_volume(search, pool, volume);
}

/* An overlay may have been given to another domain than the one whose snapshot made it. */
static void
add_to(const RlImageSearch *search, GHashTable *bases, const char *overlay, const char *path)
{
    rl_layer_graph_add(bases, overlay, path);
    if (search->all)
        rl_layer_graph_add(search->all, overlay, path);
}

/* What the disk of @domain was before @overlay. False where that is not known. */
static bool
add_base(const RlImageSearch *search, GHashTable *bases, const char *overlay,
         const RlDomain *domain, const RlDisk *before)
{
    g_autofree char *base = before->path || before->pool || !before->target
                                ? path_of(search, before->path, before->pool, before->volume)
                                : disk_key(domain, before->target);
    /* An overlay on the network on another: both have the disk's key. */
    if (!base || strcmp(base, overlay) == 0)
        return false;

    g_autofree char *data =
        path_of(search, before->data_path, before->data_pool, before->data_volume);
    if (data)
        add_to(search, bases, overlay, data);
    add_to(search, bases, overlay, base);
    return true;
}

static void
add_told(RlImageSearch *search, const char *overlay)
{
    if (!search->told)
        search->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_hash_table_add(search->told, g_strdup(overlay));
}

/* The path of the overlay at @source that was made for the disk @target, or where it is neither a
 * file nor a device its key; owned by the caller. */
static char *
overlay_of(const RlDomain *domain, const char *target, const xmlNode *source)
{
    char *path = rl_xml_attribute(source, "file");

    if (!path)
        path = rl_xml_attribute(source, "dev");
    return path || !target ? path : disk_key(domain, target);
}

/* When @snapshot was made, in seconds of the wall's clock; 0 where it does not say so. */
static gint64
made_at(const xmlNode *snapshot)
{
    const xmlNode *node = rl_xml_child(snapshot, "creationTime");
    g_autofree char *text = node ? rl_xml_text(node, NULL) : NULL;

    return text ? g_ascii_strtoll(text, NULL, 10) : 0;
}

/* @element: what the snapshot that was @made then, or libvirt's return to it, made of each disk. */
static void
add_overlays(RlImageSearch *search, GHashTable *bases, const RlDomain *domain,
             const xmlNode *element, gint64 made, bool roots)
{
    for (const xmlNode *disk = rl_xml_first_element(element); disk;
         disk = rl_xml_next_element(disk)) {
        g_autofree char *target = rl_xml_attribute(disk, "name");
        const xmlNode *source = rl_xml_child(disk, "source");
        g_autofree char *overlay = source ? overlay_of(domain, target, source) : NULL;
        for (guint i = 0; overlay && i < domain->disks->len; i++) {
            const RlDisk *before = g_ptr_array_index(domain->disks, i);
            if (g_strcmp0(before->target, target) != 0)
                continue;
            if (add_base(search, bases, overlay, domain, before) && roots)
                add_told(search, overlay);
            rl_lone_overlays_add(search, domain, target, overlay, made);
        }
    }
}

/* Of a domain's snapshot: each overlay, and what the disk was before it. Since libvirt 9.9
 * (snapshot_conf.c) it also says what overlays a return to it made, where it has others on it. */
static void
add_bases(RlImageSearch *search, GHashTable *bases, const xmlNode *snapshot, bool roots)
{
    static const char *const elements[] = {"disks", "revertDisks"};
    const xmlNode *node = rl_xml_child(snapshot, "domain");
    g_autoptr(RlDomain) domain = node ? rl_xml_domain_from_node(node, NULL) : NULL;

    for (size_t i = 0; domain && i < G_N_ELEMENTS(elements); i++) {
        const xmlNode *element = rl_xml_child(snapshot, elements[i]);
        if (element)
            add_overlays(search, bases, domain, element, i == 0 ? made_at(snapshot) : 0, roots);
    }
}

GHashTable *
rl_snapshot_records_read(RlImageSearch *search, const char *domain, GError **error)
{
    g_autoptr(GHashTable) bases = rl_layer_graph_new();
    g_autoptr(GError) cause = NULL;
    rl_autofd int fd = open_snapshots(search, domain, &cause);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autoptr(GDir) dir = fd < 0 ? NULL : g_dir_open(path, 0, &cause);
    const char *file;

    if (search->all) {
        if (!search->read)
            search->read = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_hash_table_add(search->read, g_strdup(domain));
    }
    while (!cause && dir && (file = g_dir_read_name(dir))) {
        size_t length;
        bool roots = false;
        g_autofree char *text = NULL;
        if (!read_snapshot(search, fd, file, &text, &length, &roots, &cause))
            break;
        g_autoptr(RlXmlDocument) document =
            text ? rl_xml_parse(text, length, RL_DOMAIN_SIZE_MAX, file, NULL) : NULL;
        if (document)
            add_bases(search, bases, document->root, roots);
    }
    if (!cause)
        return g_steal_pointer(&bases);
    g_propagate_error(error, g_steal_pointer(&cause));
    return NULL;
}

char *
rl_snapshot_records_read_rest(RlImageSearch *search)
{
    rl_autofd int fd = open_snapshots(search, NULL, NULL);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autoptr(GDir) dir = fd < 0 ? NULL : g_dir_open(path, 0, NULL);
    const char *domain;

    while (dir && (domain = g_dir_read_name(dir))) {
        g_autoptr(GError) error = NULL;
        if (search->read && g_hash_table_contains(search->read, domain))
            continue;
        g_autoptr(GHashTable) bases = rl_snapshot_records_read(search, domain, &error);
        if (bases || rl_image_search_has_let_go(search, domain))
            continue;
        rl_snapshot_records_note_doubt(search, domain, error);
        if (search->doubt_of && !search->doubt)
            continue;
        return g_strdup(domain);
    }
    return NULL;
}

static bool
is_image_or_beside(const char *path, gpointer data)
{
    const RlImageSearch *search = data;

    return rl_image_search_is_layer(search, path) || rl_image_search_is_beside(search, path);
}

bool
rl_snapshot_records_lead(const RlImageSearch *search, GHashTable *bases, const char *path)
{
    return path &&
           rl_layer_graph_any_below(bases, path, is_image_or_beside, (gpointer) search, true);
}

void
rl_snapshot_records_note_doubt(RlImageSearch *search, const char *domain, const GError *error)
{
    g_autofree char *dir = g_build_filename(search->top, QEMU_DIR, SNAPSHOT_DIR, domain, NULL);
    g_autofree char *sentence =
        g_strdup_printf("cannot determine whether domain '%s' has an overlay on it, since the "
                        "snapshots in '%s' cannot be read: %s",
                        domain, dir, error->message);

    if (!search->doubt_of)
        rl_log_warning("%s: %s", search->image, sentence);
    else if (strcmp(search->doubt_of, domain) == 0 && !search->doubt)
        search->doubt = g_steal_pointer(&sentence);
}
