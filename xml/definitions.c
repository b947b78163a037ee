/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "definitions.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "autoptr.h"
#include "node.h"
#include "parser.h"
#include "pool-target.h"

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/file-name.h"
#include "common/format/volume-name.h"
#include "common/fs/dirfd.h"
#include "common/fs/local-links.h"
#include "common/fs/mounts.h"

/* Where libvirt's drivers write (virQEMUDriverConfigNew() and its like): domains that run first. */
static const char *const domain_dirs[] = {"run/libvirt/qemu", "run/libvirt/libxl",
                                          "etc/libvirt/qemu", "etc/libvirt/libxl"};
static const char *const running_dirs[] = {"run/libvirt/qemu", "run/libvirt/libxl"};
static const char *const definition_dirs[] = {"etc/libvirt/qemu", "etc/libvirt/libxl"};
static const char *const pool_dirs[] = {"run/libvirt/storage", "etc/libvirt/storage"};
/* The first belongs to the device models' user, with all that is in it. */
#define QEMU_DIR "var/lib/libvirt/qemu"
#define SNAPSHOT_DIR "snapshot"

/* Of all snapshots that one search reads: a host has a few thousand, of ten KiB each. */
#define SNAPSHOTS_MAX 20000
#define SNAPSHOTS_SIZE_MAX (32 * 1024 * 1024)
/* A search takes so long at most: that many are read in less. */
#define SNAPSHOTS_SECONDS 10

/* What is looked for. */
typedef struct {
    const char *top;
    const char *image;
    char *dir, *base; /* of the image's path */
    char *leaf;       /* of the volume's name */
    bool directly;
    const char *except;
    bool permits;      /* what is found permits something: only what root has written counts */
    bool roots_only;   /* of the domains that run, only what root alone can have written */
    GPtrArray *mounts; /* or NULL */
    GHashTable *all;   /* the bases of all snapshots that were read; NULL: they are not kept */
    guint files;       /* snapshots read so far, and their bytes */
    size_t bytes;
    gint64 until_us;      /* by the monotonic clock; 0 before the first */
    const char *doubt_of; /* a domain, or NULL: the log has been told, and this one is asked for */
    char *doubt;          /* why its snapshots cannot be read */
} Search;

static void
search_clear(Search *search)
{
    g_free(search->dir);
    g_free(search->base);
    g_free(search->leaf);
    g_free(search->doubt);
    if (search->mounts)
        g_ptr_array_unref(search->mounts);
    if (search->all)
        g_hash_table_unref(search->all);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Search, search_clear)

static bool
is_same_file(const char *a, const char *b)
{
    struct stat left, right;

    return stat(a, &left) == 0 && stat(b, &right) == 0 && left.st_dev == right.st_dev &&
           left.st_ino == right.st_ino;
}

/* Only the image's own names are followed to a file: what others lead to may hang. */
static bool
has_its_name(const Search *search, const char *path)
{
    g_autofree char *base = g_path_get_basename(path);
    size_t leaf = strlen(search->leaf);

    if (strcmp(path, search->image) == 0)
        return true;
    bool may_be = strcmp(base, search->base) == 0 ||
                  (g_str_has_prefix(base, search->leaf) &&
                   (base[leaf] == '\0' || strcmp(base + leaf, ".img") == 0));
    return may_be && is_same_file(path, search->image);
}

/* A domain may have its disk by a symbolic link of any name. */
static bool
is_image(const Search *search, const char *path)
{
    if (has_its_name(search, path) || search->permits)
        return has_its_name(search, path);
    g_autofree char *target = rl_local_links_follow(path, search->mounts);
    return target && strcmp(target, path) != 0 && has_its_name(search, target);
}

/* An overlay's name, if nobody gave it another one, is its base's with what follows the last dot
 * replaced by the snapshot's name. The base may have been named by the short path of its volume
 * (common/image/short-path.h). */
static bool
is_beside(const Search *search, const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path), *base = g_path_get_basename(path);
    g_autofree char *stem = g_strndup(search->base, strlen(search->base) - strlen("img"));
    g_autofree char *short_stem = g_strconcat(search->leaf, ".", NULL);
    g_autofree char *root = g_path_get_dirname(search->dir);

    if (g_str_has_prefix(base, stem))
        return strcmp(base, search->base) != 0 &&
               (strcmp(dir, search->dir) == 0 || is_same_file(dir, search->dir));
    return g_str_has_suffix(search->dir, "/" RL_NAME_FOLDER) &&
           g_str_has_prefix(base, short_stem) && strcmp(dir, root) == 0 &&
           strcmp(base + strlen(short_stem), "img") != 0;
}

static bool
is_roots_only(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_uid == 0 && st.st_nlink == 1 &&
           !(st.st_mode & (S_IWGRP | S_IWOTH));
}

/* One more, of so many bytes: what is passed over costs as well. */
static bool
spend(Search *search, size_t bytes, GError **error)
{
    search->files++;
    search->bytes += bytes;
    if (search->until_us == 0)
        search->until_us = g_get_monotonic_time() + SNAPSHOTS_SECONDS * G_USEC_PER_SEC;
    if (g_get_monotonic_time() > search->until_us)
        return rl_fail(error, RL_ERROR_INVALID, "to read them takes longer than %d seconds",
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

/* The record @file of a snapshot in @dir: NULL in *@ret_text if it is to be passed over. False with
 * @error where it cannot be opened, as while a process has a lease on it, and where it, or all of
 * them, are more than can be looked through. */
static bool
read_snapshot(Search *search, int dir, const char *file, char **ret_text, size_t *ret_length,
              GError **error)
{
    g_autoptr(GError) cause = NULL;
    rl_autofd int fd = rl_dirfd_open_file_at_once(dir, file, O_RDONLY, &cause);
    struct stat st;

    *ret_text = NULL;
    if (cause && !search->permits && !is_no_record(cause)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (fd < 0 || fstat(fd, &st) < 0 || (search->permits && !is_roots_only(fd)))
        return spend(search, 0, error);
    if (!spend(search, (size_t) st.st_size, error))
        return false;
    *ret_text = rl_dirfd_read_opened(fd, file, RL_DOMAIN_SIZE_MAX, ret_length, error);
    return *ret_text != NULL;
}

/* The directory of the snapshots of @domain; -1 with @error, none where it has none. Whose user
 * owns what lies above it cannot lead us elsewhere. */
static int
open_snapshots(const Search *search, const char *domain, GError **error)
{
    g_autofree char *path = g_build_filename(search->top, QEMU_DIR, NULL);
    g_autofree char *inside = g_build_filename(SNAPSHOT_DIR, domain, NULL);
    rl_autofd int top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(GError) cause = NULL;

    if (top < 0 && errno != ENOENT)
        rl_fail_errno(error, errno, "cannot open '%s'", path);
    if (top < 0 || strchr(domain, '/'))
        return -1;
    int fd = rl_dirfd_open(top, inside, &cause);
    if (cause && !rl_error_is_errno(cause, ENOENT) && !rl_error_is_errno(cause, ENOTDIR))
        g_propagate_error(error, g_steal_pointer(&cause));
    return fd;
}

static char *
read_text(const Search *search, const char *dir_path, const char *file, size_t *ret_length)
{
    g_autofree char *path = g_build_filename(search->top, dir_path, NULL);
    rl_autofd int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rl_autofd int fd = dir < 0 ? -1 : rl_dirfd_open_file(dir, file, O_RDONLY, NULL);

    /* libvirt 11.3.0 gives its directory to the device models' user. */
    if (fd < 0 || (search->roots_only && !is_roots_only(fd)))
        return NULL;
    return rl_dirfd_read_opened(fd, file, RL_DOMAIN_SIZE_MAX, ret_length, NULL);
}

/* Is the image called as that of the volume @name is in its pool? */
static bool
is_called(const Search *search, const RlName *name)
{
    g_autofree char *dirty = rl_file_name(name->leaf, RL_FILE_DIRTY);
    g_autofree char *inside = g_build_filename("/", name->dir, dirty, NULL);

    return g_str_has_suffix(search->image, inside);
}

/* The dirty image of a volume that is named by its pool, owned by the caller; NULL where libvirt
 * has no such pool. It may have another name now: what keeps the image is believed then. */
static char *
path_of_volume(const Search *search, const char *pool, const char *volume)
{
    g_autoptr(RlName) name = rl_name_parse_volume(volume, NULL);
    g_autofree char *file = g_strconcat(pool, ".xml", NULL);

    if (!name || strchr(pool, '/'))
        return NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(pool_dirs); i++) {
        size_t length;
        g_autofree char *text = read_text(search, pool_dirs[i], file, &length);
        g_autofree char *root = text ? rl_xml_target_path(text, length, file, NULL) : NULL;
        if (!root)
            continue;
        g_autofree char *dirty = rl_file_name(name->leaf, RL_FILE_DIRTY);
        return g_build_filename(root, name->dir, dirty, NULL);
    }
    return !search->permits && is_called(search, name) ? g_strdup(search->image) : NULL;
}

static bool
is_volume(const Search *search, const char *pool, const char *volume)
{
    g_autofree char *path = path_of_volume(search, pool, volume);

    return path && is_image(search, path);
}

/* The key, owned by the caller, under which the table of bases has the file with the data of the
 * image @path, which may be an overlay as well: no path is like it. */
static char *
data_key(const char *path)
{
    return g_strconcat("data of ", path, NULL);
}

static bool
has_data_in_image(const Search *search, GHashTable *bases, const char *path)
{
    g_autofree char *key = data_key(path);
    const char *data = g_hash_table_lookup(bases, key);

    return data && is_image(search, data);
}

/* Follows the overlays that snapshots were made of, from @path down. */
static bool
is_on(const Search *search, GHashTable *bases, const char *path)
{
    for (int i = 0; path && i <= RL_DISK_CHAIN_MAX; i++) {
        path = g_hash_table_lookup(bases, path);
        if (path && (is_image(search, path) || is_beside(search, path) ||
                     has_data_in_image(search, bases, path)))
            return true;
    }
    return false;
}

static bool
disk_is_on(const Search *search, GHashTable *bases, const RlDisk *disk)
{
    if (search->directly &&
        ((disk->path && is_image(search, disk->path)) ||
         (disk->pool && is_volume(search, disk->pool, disk->volume)) ||
         (disk->data_path && is_image(search, disk->data_path)) ||
         (disk->data_pool && is_volume(search, disk->data_pool, disk->data_volume))))
        return true;
    /* libvirt's own overlay, gone at the end of the run. */
    if (disk->transient && !search->directly)
        return false;
    for (guint i = 0; i < disk->backing->len; i++) {
        const char *path = g_ptr_array_index(disk->backing, i);
        if (is_image(search, path) || is_beside(search, path) || is_on(search, bases, path))
            return true;
    }
    for (guint i = 0; i < disk->backing_volumes->len; i++) {
        const RlVolumeRef *ref = g_ptr_array_index(disk->backing_volumes, i);
        if (is_volume(search, ref->pool, ref->volume))
            return true;
    }
    bool other_format = disk->format && strcmp(disk->format, "raw") != 0;
    return disk->path &&
           ((other_format && is_beside(search, disk->path)) || is_on(search, bases, disk->path));
}

/* The path of the image at @path, or of the volume that is named; owned by the caller, NULL where
 * there is none. */
static char *
path_of(const Search *search, const char *path, const char *pool, const char *volume)
{
    return path || !pool ? g_strdup(path) : path_of_volume(search, pool, volume);
}

/* An overlay may have been given to another domain than the one whose snapshot made it. */
static void
add_to(const Search *search, GHashTable *bases, const char *key, const char *path)
{
    g_hash_table_insert(bases, g_strdup(key), g_strdup(path));
    if (search->all)
        g_hash_table_insert(search->all, g_strdup(key), g_strdup(path));
}

/* What the disk was before @overlay. */
static void
add_base(const Search *search, GHashTable *bases, const char *overlay, const RlDisk *before)
{
    g_autofree char *base = path_of(search, before->path, before->pool, before->volume);
    if (!base)
        return;

    g_autofree char *data =
        path_of(search, before->data_path, before->data_pool, before->data_volume);
    g_autofree char *key = data_key(base);
    if (data)
        add_to(search, bases, key, data);
    add_to(search, bases, overlay, base);
}

/* Of a domain's snapshot: each overlay, and what the disk was before it. */
static void
add_bases(const Search *search, GHashTable *bases, const xmlNode *snapshot)
{
    const xmlNode *node = rl_xml_child(snapshot, "domain"),
                  *disks = rl_xml_child(snapshot, "disks");
    g_autoptr(RlDomain) domain = node ? rl_xml_domain_from_node(node, NULL) : NULL;

    for (const xmlNode *disk = disks ? rl_xml_first_element(disks) : NULL; domain && disk;
         disk = rl_xml_next_element(disk)) {
        g_autofree char *target = rl_xml_attribute(disk, "name");
        const xmlNode *source = rl_xml_child(disk, "source");
        g_autofree char *overlay = source ? rl_xml_attribute(source, "file") : NULL;
        for (guint i = 0; overlay && i < domain->disks->len; i++) {
            const RlDisk *before = g_ptr_array_index(domain->disks, i);
            if (g_strcmp0(before->target, target) == 0)
                add_base(search, bases, overlay, before);
        }
    }
}

/* NULL with @error where it cannot be told. */
static GHashTable *
read_bases(Search *search, const char *domain, GError **error)
{
    g_autoptr(GHashTable) bases = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GError) cause = NULL;
    rl_autofd int fd = open_snapshots(search, domain, &cause);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autoptr(GDir) dir = fd < 0 ? NULL : g_dir_open(path, 0, &cause);
    const char *file;

    while (!cause && dir && (file = g_dir_read_name(dir))) {
        size_t length;
        g_autofree char *text = NULL;
        if (!read_snapshot(search, fd, file, &text, &length, &cause))
            break;
        g_autoptr(xmlDoc) document =
            text ? rl_xml_parse(text, length, RL_DOMAIN_SIZE_MAX, file, NULL) : NULL;
        if (document)
            add_bases(search, bases, xmlDocGetRootElement(document));
    }
    if (!cause)
        return g_steal_pointer(&bases);
    g_propagate_error(error, g_steal_pointer(&cause));
    return NULL;
}

/* A domain that runs is in an element that says in which state; a defined one is the root. */
static RlDomain *
read_domain(const Search *search, const char *dir, const char *file)
{
    size_t length;
    g_autofree char *text = read_text(search, dir, file, &length);
    g_autoptr(xmlDoc) document =
        text ? rl_xml_parse(text, length, RL_DOMAIN_SIZE_MAX, file, NULL) : NULL;
    const xmlNode *root = document ? xmlDocGetRootElement(document) : NULL;
    const xmlNode *node =
        root && rl_xml_is(root, NULL, "domstatus") ? rl_xml_child(root, "domain") : root;

    return node ? rl_xml_domain_from_node(node, NULL) : NULL;
}

static void
note_doubt(Search *search, const RlDomain *domain, const GError *error)
{
    g_autofree char *dir =
        g_build_filename(search->top, QEMU_DIR, SNAPSHOT_DIR, domain->name, NULL);
    g_autofree char *sentence =
        g_strdup_printf("it cannot be told whether domain '%s' has an overlay on it, since the "
                        "snapshots in '%s' cannot be read: %s",
                        domain->name, dir, error->message);

    if (!search->doubt_of)
        rl_log_warning("%s: %s", search->image, sentence);
    else if (strcmp(search->doubt_of, domain->name) == 0 && !search->doubt)
        search->doubt = g_steal_pointer(&sentence);
}

static bool
is_passed_over(const Search *search, const RlDomain *domain)
{
    return domain->disks->len == 0 || g_strcmp0(domain->uuid, search->except) == 0;
}

static bool
has_disk_on(const Search *search, GHashTable *bases, const RlDomain *domain)
{
    for (guint i = 0; i < domain->disks->len; i++)
        if (disk_is_on(search, bases, g_ptr_array_index(domain->disks, i)))
            return true;
    return false;
}

/* Where its snapshots cannot be read, what keeps the image is believed of them. */
static bool
domain_is_on(Search *search, const RlDomain *domain)
{
    g_autoptr(GError) error = NULL;

    bool passed_over = is_passed_over(search, domain);
    if (passed_over && !search->all)
        return false;
    /* An overlay that such a one has a record of may be another's. */
    g_autoptr(GHashTable) bases = read_bases(search, domain->name, &error);
    if (passed_over)
        return false;
    if (!bases) {
        note_doubt(search, domain, error);
        return !search->permits;
    }
    return has_disk_on(search, bases, domain);
}

/* The same by the snapshots of all domains, which were read before. */
static bool
domain_is_on_by_all(Search *search, const RlDomain *domain)
{
    return !is_passed_over(search, domain) && has_disk_on(search, search->all, domain);
}

typedef bool (*IsOn)(Search *search, const RlDomain *domain);

static char *
find_in(Search *search, const char *dir, IsOn is_on)
{
    g_autofree char *path = g_build_filename(search->top, dir, NULL);
    g_autoptr(GDir) entries = g_dir_open(path, 0, NULL);
    const char *file;

    while (entries && (file = g_dir_read_name(entries))) {
        g_autoptr(RlDomain) domain =
            g_str_has_suffix(file, ".xml") ? read_domain(search, dir, file) : NULL;
        if (domain && is_on(search, domain))
            return g_strdup(domain->name);
    }
    return NULL;
}

/* False where @image is no dirty image. */
static bool
search_begin(Search *search, const char *image)
{
    RlFileName file;

    search->image = image;
    search->dir = g_path_get_dirname(image);
    search->base = g_path_get_basename(image);
    file = rl_file_name_parse(search->base);
    if (file.role != RL_FILE_DIRTY)
        return false;
    search->leaf = g_strdup(file.leaf);
    search->mounts = search->permits ? NULL : rl_mounts_read(NULL);
    return true;
}

static char *
find_by(Search *search, IsOn is_on)
{
    char *found = NULL;

    for (size_t i = 0; !found && i < G_N_ELEMENTS(domain_dirs); i++)
        found = find_in(search, domain_dirs[i], is_on);
    return found;
}

static char *
find(Search *search, const char *image)
{
    if (!search_begin(search, image))
        return NULL;
    search->all = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    char *found = find_by(search, domain_is_on);
    return found || g_hash_table_size(search->all) == 0 ? found
                                                        : find_by(search, domain_is_on_by_all);
}

char *
rl_xml_definitions_find_below(const char *top, const char *image, bool directly, const char *except)
{
    g_auto(Search) search = {.top = top, .directly = directly, .except = except};

    return find(&search, image);
}

char *
rl_xml_definitions_doubt_below(const char *top, const char *image, const char *domain)
{
    g_auto(Search) search = {.top = top, .doubt_of = domain};
    g_autofree char *found = find(&search, image);

    (void) found;
    return g_steal_pointer(&search.doubt);
}

char *
rl_xml_definitions_doubt(const char *image, const char *domain)
{
    return rl_xml_definitions_doubt_below("/", image, domain);
}

char *
rl_xml_definitions_find(const char *image, bool directly, const char *except)
{
    return rl_xml_definitions_find_below("/", image, directly, except);
}

/* What is done with each domain that runs: true ends it. */
typedef bool (*Visit)(Search *search, RlDomain *domain, gpointer data);

/* The domain at which @visit has ended it, owned by the caller. */
static RlDomain *
find_running(Search *search, Visit visit, gpointer data)
{
    for (size_t i = 0; i < G_N_ELEMENTS(running_dirs); i++) {
        g_autofree char *path = g_build_filename(search->top, running_dirs[i], NULL);
        g_autoptr(GDir) entries = g_dir_open(path, 0, NULL);
        const char *file;

        while (entries && (file = g_dir_read_name(entries))) {
            g_autoptr(RlDomain) domain =
                g_str_has_suffix(file, ".xml") ? read_domain(search, running_dirs[i], file) : NULL;
            if (domain && visit(search, domain, data))
                return g_steal_pointer(&domain);
        }
    }
    return NULL;
}

static bool
has_image(Search *search, RlDomain *domain, gpointer data)
{
    bool *overlaid = data;

    search->directly = false;
    *overlaid = domain_is_on(search, domain);
    search->directly = true;
    return *overlaid || domain_is_on(search, domain);
}

RlDomain *
rl_xml_definitions_find_running_below(const char *top, const char *image, const char *except,
                                      bool *ret_overlaid)
{
    g_auto(Search) search = {.top = top, .except = except, .permits = true, .roots_only = true};

    *ret_overlaid = false;
    return search_begin(&search, image) ? find_running(&search, has_image, ret_overlaid) : NULL;
}

RlDomain *
rl_xml_definitions_find_running(const char *image, const char *except, bool *ret_overlaid)
{
    return rl_xml_definitions_find_running_below("/", image, except, ret_overlaid);
}

static bool
has_uuid(Search *search, RlDomain *domain, gpointer data)
{
    (void) search;
    return strcmp(domain->uuid, data) == 0;
}

bool
rl_xml_definitions_has_let_go_below(const char *top, const char *image, const char *uuid)
{
    g_auto(Search) search = {.top = top, .directly = true, .roots_only = true};

    if (!search_begin(&search, image))
        return false;
    g_autoptr(RlDomain) domain = find_running(&search, has_uuid, (gpointer) uuid);
    return domain && !domain_is_on(&search, domain);
}

bool
rl_xml_definitions_has_let_go(const char *image, const char *uuid)
{
    return rl_xml_definitions_has_let_go_below("/", image, uuid);
}

RlDomain *
rl_xml_definitions_read_below(const char *top, const char *name, const char *uuid)
{
    const Search search = {.top = top};
    g_autofree char *file = g_strconcat(name, ".xml", NULL);

    for (size_t i = 0; !strchr(name, '/') && i < G_N_ELEMENTS(definition_dirs); i++) {
        g_autoptr(RlDomain) domain = read_domain(&search, definition_dirs[i], file);
        if (domain && strcmp(domain->uuid, uuid) == 0)
            return g_steal_pointer(&domain);
    }
    return NULL;
}

bool
rl_xml_definitions_name_below(const char *top, const char *image, const char *name,
                              const char *uuid)
{
    g_auto(Search) search = {.top = top, .permits = true};
    g_autofree char *file = g_strconcat(name, ".xml", NULL);

    if (!search_begin(&search, image) || strchr(name, '/'))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(definition_dirs); i++) {
        g_autoptr(RlDomain) domain = read_domain(&search, definition_dirs[i], file);
        if (domain && strcmp(domain->uuid, uuid) == 0 && domain_is_on(&search, domain))
            return true;
    }
    return false;
}

bool
rl_xml_definitions_name(const char *image, const char *name, const char *uuid)
{
    return rl_xml_definitions_name_below("/", image, name, uuid);
}
