/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "domain-uses.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "backend/cli/known-pools.h"
#include "common/base/autofd.h"
#include "common/fs/dir-iter.h"
#include "common/fs/dirfd.h"
#include "xml/domain.h"

/* Where libvirt's drivers keep the domains that run, and those that are defined. */
static const struct {
    const char *path;
    bool running;
} places[] = {
    {"/run/libvirt/qemu", true}, {"/run/libvirt/libxl", true}, {"/run/libvirt/lxc", true},
    {"/run/libvirt/ch", true},   {"/etc/libvirt/qemu", false}, {"/etc/libvirt/libxl", false},
    {"/etc/libvirt/lxc", false}, {"/etc/libvirt/ch", false},
};

/* A directory for each domain, which belongs to the device models' user. */
#define SNAPSHOTS "/var/lib/libvirt/qemu/snapshot"

typedef struct {
    GPtrArray *uses;
    GPtrArray *pools; /* RlKnownPool */
    const char *domain;
    bool running, saved;
    bool snapshot; /* what is read is a record of one */
} Search;

static void
use_free(void *data)
{
    RlDomainUse *use = data;

    g_free(use->domain);
    g_free(use->target);
    g_free(use->path);
    g_free(use->format);
    g_free(use);
}

/* The file is at @where; @use is what is said of it, with strings that are borrowed. */
static void
add(Search *search, const char *where, const RlDomainUse *use)
{
    g_autofree char *absolute = g_canonicalize_filename(where, "/");
    struct stat st;

    if (stat(absolute, &st) < 0)
        return;
    RlDomainUse *added = g_new0(RlDomainUse, 1);
    *added = (RlDomainUse){.domain = g_strdup(search->domain),
                           .running = search->running,
                           .saved = search->saved,
                           .kind = search->snapshot ? RL_USE_BELOW : use->kind,
                           .target = g_strdup(use->target),
                           .path = g_strdup(use->path),
                           .format = g_strdup(use->format),
                           .readonly = use->readonly,
                           .st = st};
    g_ptr_array_add(search->uses, added);
}

static void
add_volume(Search *search, const char *pool_name, const RlDomainUse *use)
{
    for (guint i = 0; i < search->pools->len; i++) {
        const RlKnownPool *pool = g_ptr_array_index(search->pools, i);
        if (!pool->path || strcmp(pool->name, pool_name) != 0)
            continue;
        g_autofree char *where = g_build_filename(pool->path, use->path, NULL);
        add(search, where, use);
    }
}

static void
add_layers(Search *search, const RlDisk *disk)
{
    RlDomainUse use = {.kind = RL_USE_BELOW, .target = disk->target, .readonly = true};

    for (guint i = 0; i < disk->backing->len; i++) {
        use.path = g_ptr_array_index(disk->backing, i);
        add(search, use.path, &use);
    }
    for (guint i = 0; i < disk->backing_volumes->len; i++) {
        const RlVolumeRef *ref = g_ptr_array_index(disk->backing_volumes, i);
        use.path = ref->volume;
        add_volume(search, ref->pool, &use);
    }
    use.path = disk->data_path ? disk->data_path : disk->mirror;
    if (use.path)
        add(search, use.path, &use);
}

static void
add_disk(Search *search, const RlDisk *disk)
{
    RlDomainUse use = {.kind = RL_USE_DISK,
                       .target = disk->target,
                       .path = disk->path,
                       .format = disk->format,
                       .readonly = disk->readonly};

    if (disk->pool) {
        use.kind = RL_USE_VOLUME;
        use.path = disk->volume;
        add_volume(search, disk->pool, &use);
    } else if (disk->path) {
        add(search, disk->path, &use);
    }
    add_layers(search, disk);
}

/* virsh managedsave (qemuDomainManagedSavePath(), libxlDomainManagedSavePath()). */
static bool
is_saved(const char *domain)
{
    static const char *const dirs[] = {"/var/lib/libvirt/qemu/save", "/var/lib/libvirt/libxl/save"};

    for (size_t i = 0; i < G_N_ELEMENTS(dirs); i++) {
        g_autofree char *path = g_strdup_printf("%s/%s.save", dirs[i], domain);
        if (!strchr(domain, '/') && access(path, F_OK) == 0)
            return true;
    }
    return false;
}

static void
add_domain(Search *search, const RlDomain *domain)
{
    search->domain = domain->name;
    search->saved = !search->running && is_saved(domain->name);
    for (guint i = 0; i < domain->disks->len; i++)
        add_disk(search, g_ptr_array_index(domain->disks, i));
    for (guint i = 0; !search->snapshot && i < domain->files->len; i++) {
        const RlNamedFile *file = g_ptr_array_index(domain->files, i);
        const RlDomainUse use = {.kind = RL_USE_FILE, .target = file->element, .path = file->path};
        add(search, file->path, &use);
    }
}

/* The files of the directory @dir. */
static void
read_files(Search *search, int dir)
{
    g_autoptr(RlDirIter) entries = dir < 0 ? NULL : rl_dir_iter_open(dir, NULL);
    const char *file;

    while (entries && (file = rl_dir_iter_next(entries))) {
        size_t length;
        g_autofree char *text =
            g_str_has_suffix(file, ".xml")
                ? rl_dirfd_read_file(dir, file, RL_DOMAIN_SIZE_MAX, &length, NULL)
                : NULL;
        g_autoptr(RlDomain) domain =
            text ? rl_xml_domain_parse_kept(text, length, file, NULL) : NULL;
        if (domain)
            add_domain(search, domain);
    }
}

static void
read_snapshots(Search *search)
{
    rl_autofd int all = open(SNAPSHOTS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(RlDirIter) entries = all < 0 ? NULL : rl_dir_iter_open(all, NULL);
    const char *domain;

    search->snapshot = true;
    while (entries && (domain = rl_dir_iter_next(entries))) {
        rl_autofd int dir = openat(all, domain, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        read_files(search, dir);
    }
    search->snapshot = false;
}

GPtrArray *
rl_domain_uses_read(void)
{
    g_autoptr(GPtrArray) pools = rl_known_pools_read();
    Search search = {.uses = g_ptr_array_new_with_free_func(use_free), .pools = pools};

    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        rl_autofd int dir = open(places[i].path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        search.running = places[i].running;
        read_files(&search, dir);
    }
    search.running = false;
    read_snapshots(&search);
    return search.uses;
}
