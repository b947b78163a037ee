/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "domain-volumes.h"

#include <string.h>
#include <sys/stat.h>

#include "backend/libvirt/pool-registry.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/volume-name.h"
#include "common/fs/inode.h"
#include "common/pool/overlay-file.h"
#include "common/pool/volume.h"
#include "disk-place.h"
#include "named-pool.h"
#include "owner.h"
#include "started-volumes.h"
#include "xml/documents.h"

static void
use_free(void *data)
{
    RlDomainVolume *use = data;

    g_free(use->root);
    g_free(use->name);
    g_free(use->pool);
    g_free(use->alias);
    if (use->pools)
        g_hash_table_unref(use->pools);
    g_free(use);
}

static void
close_pool(void *data)
{
    rl_pool_close(data);
}

/* Takes over @added. */
static void
append(GPtrArray *uses, RlDomainVolume *added)
{
    const RlDomainVolume *first = uses->len ? g_ptr_array_index(uses, 0) : NULL;

    added->pools = first ? g_hash_table_ref(first->pools)
                         : g_hash_table_new_full(g_str_hash, g_str_equal, NULL, close_pool);
    g_ptr_array_add(uses, added);
}

RlPool *
rl_domain_volume_pool(const RlDomainVolume *use, GError **error)
{
    RlPool *pool = g_hash_table_lookup(use->pools, use->root);

    if (pool)
        return pool;
    pool = rl_pool_open(use->root, rl_xml_documents(), error);
    if (pool)
        g_hash_table_insert(use->pools, pool->path, pool);
    return pool;
}

static gint
compare(gconstpointer a, gconstpointer b)
{
    const RlDomainVolume *left = *(RlDomainVolume *const *) a,
                         *right = *(RlDomainVolume *const *) b;
    int roots = strcmp(left->root, right->root);

    return roots ? roots : strcmp(left->name, right->name);
}

/* The same volume may be several disks of a domain: then what is most goes. Takes over what @new
 * points to. */
static void
add(GPtrArray *uses, RlDomainVolume new)
{
    RlDomainVolume *added = g_memdup2(&new, sizeof(new));

    for (guint i = 0; i < uses->len; i++) {
        RlDomainVolume *use = g_ptr_array_index(uses, i);
        if (compare(&use, &added) != 0)
            continue;
        use->readonly &= new.readonly;
        use->overlaid |= new.overlaid;
        use->startup = MIN(use->startup, new.startup);
        if (!use->alias)
            use->alias = g_steal_pointer(&added->alias);
        if (!use->pool)
            use->pool = g_steal_pointer(&added->pool);
        use_free(added);
        return;
    }
    append(uses, added);
}

static bool
refuse_shareable(const RlDisk *disk, const char *name, GError **error)
{
    return rl_fail(error, RL_ERROR_INVALID,
                   "disk '%s': <shareable/> is not supported for volume '%s': when one domain "
                   "stops, it would commit or drop the image that the others use. Make the disk "
                   "<readonly/> in all of them, or give each domain a clone",
                   disk->target ? disk->target : "?", name);
}

/* Takes over what @place points to. */
static void
add_place(GPtrArray *uses, RlDiskPlace *place, const RlDisk *disk, bool overlaid)
{
    RlDomainVolume use = {.root = g_steal_pointer(&place->root),
                          .name = g_steal_pointer(&place->name),
                          .alias = g_steal_pointer(&place->alias),
                          .startup = overlaid ? RL_STARTUP_MANDATORY : disk->startup,
                          .readonly = disk->readonly,
                          .overlaid = overlaid};

    add(uses, use);
}

/* What is only read is looked at elsewhere (at-rest.h). */
static bool
require_file(const RlDisk *disk, const char *path, const RlDiskPlace *place, GError **error)
{
    g_autofree char *what = g_strdup_printf("disk '%s'", disk->target ? disk->target : "?");

    return disk->readonly || rl_disk_place_require_file(place, what, path, error);
}

/* A backup of the time before the volume was made (adopted, say) was put back with all its files.
 * The domain would go on on that, and its volume would stay behind. Not so an overlay, which
 * libvirt can call so. */
static bool
require_not_hidden(const RlDisk *disk, const char *path, const char *format,
                   const RlDiskPlace *place, GError **error)
{
    if (!place->hidden || (format && strcmp(format, "raw") != 0))
        return true;
    return rl_fail(error, RL_ERROR_INVALID,
                   "disk '%s': '%s' is a file in the place of the short path of volume '%s' of the "
                   "pool '%s', and hides that volume. Move the file away to use the volume. To use "
                   "the file, move it out of the pool, and name it by its new path",
                   disk->target ? disk->target : "?", path, place->hidden, place->root);
}

static bool
refuse_in_place(const RlDisk *disk, const char *path, const RlDiskPlace *place, GError **error)
{
    return rl_fail(error, RL_ERROR_INVALID,
                   "disk '%s': '%s' is an image at rest of volume '%s' and must not be written to. "
                   "Use '%s', or make the disk <readonly/>",
                   disk->target ? disk->target : "?", path, place->name, place->dirty);
}

typedef struct {
    const RlDomain *domain;
    GPtrArray *uses;
    bool strict;
    const GPtrArray *started; /* what was noted at its start, or NULL: it has yet to start */
    GError *error;            /* the first */
} Search;

/* Is the disk or layer, of the format @format and at the place of a clean image, an overlay on
 * something else? Volumes are raw, and are no layer above another one. Where libvirt has not looked
 * for the layers yet its name may tell: without another one it is that of a dirty image, with the
 * snapshot's behind. */
static bool
is_overlay(const Search *search, const RlDiskPlace *place, const char *format, bool layered)
{
    g_autoptr(GError) error = NULL;
    bool is = false;

    if (!format || format[0] == '\0' || strcmp(format, "raw") == 0 ||
        (!layered && !strstr(place->name, "-dirty.")))
        return false;
    RlDomainRef owner = rl_domain_ref_of(search->domain);
    g_autoptr(RlPool) pool = rl_pool_open(place->root, rl_xml_documents(), &error);
    if (!pool || !rl_overlay_claim(pool, place->name, &owner, &is, &error))
        rl_log_warning("domain %s: volume '%s': %s", owner.name, place->name, error->message);
    return is;
}

/* Adds the volume that @disk itself is, or the file of its own that has its data, found by the path
 * @path of an image of the format @format. */
static bool
add_path(const Search *search, const RlDisk *disk, const char *path, const char *format,
         GError **error)
{
    bool strict = search->strict;
    g_auto(RlDiskPlace) place = {0};

    if (!path)
        return true;
    if (!rl_disk_place_find(path, &place, error))
        return false;
    if (!place.name)
        return !strict || (require_not_hidden(disk, path, format, &place, error) &&
                           require_file(disk, path, &place, error));
    switch (place.role) {
    case RL_FILE_DIRTY:
        if (strict && disk->shareable)
            return refuse_shareable(disk, place.name, error);
        add_place(search->uses, &place, disk, false);
        return true;
    case RL_FILE_CLEAN:
        if (!disk->readonly && is_overlay(search, &place, format, rl_disk_has_layers(disk)))
            return true;
        return disk->readonly || !strict || refuse_in_place(disk, path, &place, error);
    case RL_FILE_PRECACHE:
    case RL_FILE_REVISION:
    case RL_FILE_LABEL:
        return disk->readonly || !strict || refuse_in_place(disk, path, &place, error);
    default:
        return true;
    }
}

/* The volume @volume of the pool @pool, of which *@ret_root is NULL where that is no reflink pool.
 */
static bool
find_named(const Search *search, const char *pool, const char *volume, RlName **ret_name,
           char **ret_root, GError **error)
{
    g_autoptr(GError) cause = NULL;
    RlName *name = rl_name_parse(volume, &cause);

    *ret_name = name;
    if (search->started && name && name->form == RL_NAME_HEAD)
        return rl_named_pool_find(search->domain, search->started, pool, name->volume, ret_root,
                                  error);
    if (!rl_pools_reflink_root(pool, ret_root, error))
        return false;
    if (name || !*ret_root)
        return true;
    if (!search->strict) {
        g_clear_pointer(ret_root, g_free);
        return true;
    }
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

/* Adds the volume @volume of the pool @pool (NULL: none) that @disk is by name, or that has its
 * data. */
static bool
add_volume(const Search *search, const RlDisk *disk, const char *pool, const char *volume,
           GError **error)
{
    g_autoptr(RlName) name = NULL;
    g_autofree char *root = NULL;
    bool strict = search->strict;

    if (volume && !find_named(search, pool, volume, &name, &root, error))
        return false;
    if (!root)
        return true;
    if (name->form != RL_NAME_HEAD) {
        if (disk->readonly || !strict)
            return true;
        return rl_fail(error, RL_ERROR_INVALID,
                       "disk '%s': '%s' is a revision, and revisions are read-only. Make the disk "
                       "<readonly/>, or clone the revision to a volume",
                       disk->target ? disk->target : "?", volume);
    }
    if (strict && disk->shareable)
        return refuse_shareable(disk, name->volume, error);
    RlDomainVolume use = {.root = g_steal_pointer(&root),
                          .name = g_strdup(name->volume),
                          .pool = g_strdup(pool),
                          .startup = disk->startup,
                          .readonly = disk->readonly};
    add(search->uses, use);
    return true;
}

/* A layer that is a volume by name. A revision is only read there: it is nobody's run. */
static bool
add_layer(const Search *search, const RlDisk *disk, const RlVolumeRef *ref, GError **error)
{
    g_autoptr(RlName) name = NULL;
    g_autofree char *root = NULL;

    if (!find_named(search, ref->pool, ref->volume, &name, &root, error))
        return false;
    if (root && name->form == RL_NAME_HEAD) {
        RlDomainVolume use = {.root = g_steal_pointer(&root),
                              .name = g_strdup(name->volume),
                              .pool = g_strdup(ref->pool),
                              .readonly = disk->readonly,
                              .overlaid = true};
        add(search->uses, use);
    }
    return true;
}

/* The layer @i of @disk that is a dirty image by its path: an external snapshot froze it. Or that
 * snapshot's own file. */
static bool
add_layer_path(const Search *search, const RlDisk *disk, guint i, GError **error)
{
    g_auto(RlDiskPlace) place = {0};
    bool is_last = i + 1 == disk->backing->len && disk->backing_volumes->len == 0;

    if (!rl_disk_place_find(g_ptr_array_index(disk->backing, i), &place, error))
        return false;
    if (place.name && place.role == RL_FILE_DIRTY)
        add_place(search->uses, &place, disk, !disk->transient);
    else if (place.name && place.role == RL_FILE_CLEAN)
        is_overlay(search, &place, g_ptr_array_index(disk->backing_formats, i), !is_last);
    return true;
}

/* Of @disk, or a layer of it, nothing can be told, for the reason *@cause, which is taken over.
 * True if the search goes on: the end of the other volumes must not depend on this one. */
static bool
go_on_without(Search *search, const RlDisk *disk, GError **cause)
{
    if (!search->strict)
        rl_log_warning("domain %s: disk '%s': %s", search->domain->name,
                       disk->target ? disk->target : "?", (*cause)->message);
    if (search->error)
        g_clear_error(cause);
    else
        search->error = g_steal_pointer(cause);
    return !search->strict;
}

/* Adds what is written to. A file that has the data of a disk is that disk: what the guest writes
 * is in it. */
static bool
add_written(Search *search, const RlDisk *disk)
{
    GError *cause = NULL;

    if (!add_path(search, disk, disk->path, disk->format, &cause) &&
        !go_on_without(search, disk, &cause))
        return false;
    if (!add_volume(search, disk, disk->pool, disk->volume, &cause) &&
        !go_on_without(search, disk, &cause))
        return false;
    if (!add_path(search, disk, disk->data_path, "raw", &cause) &&
        !go_on_without(search, disk, &cause))
        return false;
    return add_volume(search, disk, disk->data_pool, disk->data_volume, &cause) ||
           go_on_without(search, disk, &cause);
}

/* Adds the volumes that @disk is, and those that lie below it in its backing chain. */
static bool
add_disk(Search *search, const RlDisk *disk)
{
    GError *cause = NULL;

    if (!add_written(search, disk))
        return false;
    for (guint i = 0; i < disk->backing->len; i++)
        if (!add_layer_path(search, disk, i, &cause) && !go_on_without(search, disk, &cause))
            return false;
    for (guint i = 0; i < disk->backing_volumes->len; i++)
        if (!add_layer(search, disk, g_ptr_array_index(disk->backing_volumes, i), &cause) &&
            !go_on_without(search, disk, &cause))
            return false;
    return true;
}

GPtrArray *
rl_domain_volumes_new(void)
{
    return g_ptr_array_new_with_free_func(use_free);
}

static bool
find_all(Search *search, GError **error)
{
    const RlDomain *domain = search->domain;

    for (guint i = 0; i < domain->disks->len; i++)
        if (!add_disk(search, g_ptr_array_index(domain->disks, i)))
            break;
    g_ptr_array_sort(search->uses, compare);
    if (!search->error)
        return true;
    g_propagate_error(error, search->error);
    return false;
}

bool
rl_domain_volumes_find(const RlDomain *domain, bool strict, GPtrArray *uses, GError **error)
{
    Search search = {.domain = domain, .uses = uses, .strict = strict};

    return find_all(&search, error);
}

bool
rl_domain_volumes_find_started(const RlDomain *domain, GPtrArray *uses, GError **error)
{
    g_autoptr(GPtrArray) started = rl_domain_volumes_new();
    Search search = {.domain = domain, .uses = uses, .started = started};

    rl_started_volumes_read(domain, started);
    return find_all(&search, error);
}

/* A pool may have several paths: a link on the way, or a mount. */
static bool
is_same_pool(const char *a, const char *b)
{
    struct stat left, right;

    return strcmp(a, b) == 0 ||
           (stat(a, &left) == 0 && stat(b, &right) == 0 && rl_stat_same(&left, &right));
}

bool
rl_domain_volumes_has(const GPtrArray *uses, const RlDomainVolume *wanted)
{
    for (guint i = 0; i < uses->len; i++) {
        const RlDomainVolume *use = g_ptr_array_index(uses, i);
        if (strcmp(use->name, wanted->name) == 0 && is_same_pool(use->root, wanted->root))
            return true;
    }
    return false;
}

void
rl_domain_volumes_add_noted(GPtrArray *uses, const RlDomainVolume *noted)
{
    if (rl_domain_volumes_has(uses, noted))
        return;
    RlDomainVolume use = {.root = g_strdup(noted->root),
                          .name = g_strdup(noted->name),
                          .pool = g_strdup(noted->pool),
                          .overlaid = noted->overlaid,
                          .noted = true};
    append(uses, g_memdup2(&use, sizeof(use)));
}
