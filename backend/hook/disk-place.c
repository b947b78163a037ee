/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "disk-place.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/format/volume-name.h"
#include "common/image/short-path.h"
#include "common/pool/pool.h"
#include "linked-image.h"
#include "xml/documents.h"

/* As many as the kernel follows (path_resolution(7)). */
#define LINKS_MAX 40

/* Where the link at @path leads, owned by the caller; NULL if there is none. */
static char *
follow_once(const char *path)
{
    g_autofree char *target = g_file_read_link(path, NULL);
    g_autofree char *dir = g_path_get_dirname(path);

    if (!target || g_path_is_absolute(target))
        return g_steal_pointer(&target);
    return g_build_filename(dir, target, NULL);
}

char *
rl_disk_place_follow(const char *path)
{
    char *end = g_strdup(path);

    for (int i = 0; i < LINKS_MAX; i++) {
        char *next = follow_once(end);
        if (!next)
            break;
        g_free(end);
        end = next;
    }
    return end;
}

void
rl_disk_place_clear(RlDiskPlace *place)
{
    g_clear_pointer(&place->root, g_free);
    g_clear_pointer(&place->name, g_free);
    g_clear_pointer(&place->file, g_free);
    g_clear_pointer(&place->dirty, g_free);
    g_clear_pointer(&place->alias, g_free);
    g_clear_pointer(&place->hidden, g_free);
}

/* Is @inside, what a path says below the pool *@root, the short path of a volume? A link that is
 * there may be one that an earlier run's end is about to remove: then it is to be made anew. Of a
 * pool that cannot be opened each is one: whoever is to do something with it says what is wrong,
 * and it is done with the domain's other volumes. */
static void
take_alias(char **root, const char *inside, RlDiskPlace *place)
{
    if (!*root || strchr(inside, '/'))
        return;
    g_autoptr(RlPool) pool = rl_pool_open(*root, rl_xml_documents(), NULL);
    place->name = pool ? rl_short_path_volume(pool, inside) : g_strdup(inside);
    if (!place->name)
        return;
    place->root = g_steal_pointer(root);
    place->alias = g_strdup(inside);
    place->role = RL_FILE_DIRTY;
}

/* The same for a link at @path itself. */
static bool
find_alias(const char *path, RlDiskPlace *place, GError **error)
{
    g_autofree char *root = NULL, *inside = NULL;

    if (!rl_pool_find(path, &root, &inside, error))
        return false;
    take_alias(&root, inside, place);
    return true;
}

/* As a link that is not there yet, @path may be a short path of a volume in the pool's directory; a
 * single file can be mounted under any name. */
bool
rl_disk_place_may_be_image(const char *path)
{
    g_autofree char *end = rl_disk_place_follow(path);
    g_autofree char *dir = g_path_get_dirname(end);
    g_autofree char *base = g_path_get_basename(end);
    g_autofree char *marker = g_build_filename(dir, RL_POOL_MARKER, NULL);
    struct statx st;

    if (rl_file_name_parse(base).role != RL_FILE_OTHER || faccessat(AT_FDCWD, marker, F_OK, 0) == 0)
        return true;
    return statx(AT_FDCWD, end, AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_NLINK, &st) == 0 &&
           !S_ISDIR(st.stx_mode) &&
           ((st.stx_attributes & STATX_ATTR_MOUNT_ROOT) || st.stx_nlink > 1);
}

/* The same for each link on the way from @path to @end: one may lead to a short path, and that
 * leads on to the clean image while the volume is at rest. */
static bool
find_alias_on_the_way(const char *path, const char *end, RlDiskPlace *place, GError **error)
{
    g_autofree char *link = g_strdup(path);

    for (int i = 0; i < LINKS_MAX && strcmp(link, end) != 0 && !place->name; i++) {
        if (!find_alias(link, place, error))
            return false;
        char *next = follow_once(link);
        if (!next)
            break;
        g_free(link);
        link = next;
    }
    return true;
}

/* By its name. @end: where the links at @path end. */
static bool
find_named(const char *path, const char *end, RlDiskPlace *place, GError **error)
{
    g_autofree char *root = NULL, *inside = NULL;

    /* Most paths are no links: one look is enough. */
    if (!find_alias_on_the_way(path, end, place, error))
        return false;
    if (!place->name && !rl_pool_find(end, &root, &inside, error))
        return false;
    if (!place->name)
        take_alias(&root, inside, place);
    if (place->name)
        return true;
    place->root = g_steal_pointer(&root);
    /* No image lies in a pool's own directory. */
    if (!place->root || !strchr(inside, '/')) {
        place->marker = place->root && rl_pool_is_marker(inside);
        g_autoptr(RlPool) pool =
            place->root ? rl_pool_open(place->root, rl_xml_documents(), NULL) : NULL;
        place->hidden = pool ? rl_short_path_hidden(pool, inside) : NULL;
        return true;
    }
    g_autofree char *dir = g_path_get_dirname(inside);
    g_autofree char *base = g_path_get_basename(inside);
    RlFileName file = rl_file_name_parse(base);
    if (file.role == RL_FILE_OTHER)
        return true;
    /* As above. */
    place->role = rl_pool_has_marker(place->root) ? file.role : RL_FILE_DIRTY;
    place->name = rl_name_join(dir, file.leaf);
    place->dirty = rl_file_name(file.leaf, RL_FILE_DIRTY);
    place->file = g_steal_pointer(&base);
    return true;
}

bool
rl_disk_place_find(const char *path, RlDiskPlace *place, GError **error)
{
    g_autofree char *end = rl_disk_place_follow(path);

    return find_named(path, end, place, error);
}

bool
rl_disk_place_require_file(const RlDiskPlace *place, const char *what, const char *path,
                           GError **error)
{
    bool linked;

    if (place->marker)
        return rl_fail(error, RL_ERROR_INVALID,
                       "%s: '%s' is the marker of reflink pool '%s', and libvirt would change its "
                       "owner, which must be root. Name another file",
                       what, path, place->root);
    if (place->name)
        return true;
    if (!rl_linked_image_look(path, &linked, error))
        return false;
    if (linked)
        return rl_fail(error, RL_ERROR_INVALID,
                       "%s: '%s' is an image of a reflink pool by another name (a hard link, for "
                       "example of 'cp -al'), and a write to one changes the other. Name a copy "
                       "('cp --reflink=auto'), or the volume itself",
                       what, path);
    return true;
}
