/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "named-pool.h"

#include <string.h>

#include "backend/libvirt/pool-registry.h"
#include "common/base/autofd.h"
#include "common/base/log.h"
#include "common/pool/volume.h"
#include "domain-volumes.h"
#include "owner.h"
#include "started-volumes.h"
#include "xml/documents.h"

/* Borrowed; NULL where nothing is noted of it. */
static const char *
noted_root(const GPtrArray *started, const char *pool, const char *volume)
{
    for (guint i = 0; i < started->len; i++) {
        const RlDomainVolume *use = g_ptr_array_index(started, i);
        if (g_strcmp0(use->pool, pool) == 0 && strcmp(use->name, volume) == 0)
            return use->root;
    }
    return NULL;
}

/* What the dirty image says of whose it is. */
typedef enum {
    NONE,  /* there is none */
    OWN,   /* the domain's */
    OTHER, /* not the domain's, or it cannot be told: only the pool's name says that it is */
} Image;

static Image
look(const char *root, const char *name, const RlDomainRef *owner)
{
    g_autoptr(RlPool) pool = rl_pool_open(root, rl_xml_documents(), NULL);
    g_autoptr(RlVolume) volume = pool ? rl_volume_open(pool, name, NULL) : NULL;
    g_autoptr(RlImageOwner) run = NULL;

    if (!volume)
        return OTHER;
    if (!volume->dirty.there)
        return NONE;
    rl_autofd int fd = rl_volume_open_image(volume, volume->dirty_file, NULL);
    if (fd < 0 || !rl_image_owner_get(fd, &run, NULL))
        return OTHER;
    return run && rl_image_owner_is_of(run, owner) ? OWN : OTHER;
}

/* Has the name stood for the same directory for as long as the domain runs? */
static bool
is_unmoved(const RlDomain *domain, const char *pool)
{
    gint64 began_us = rl_started_volumes_began_us(domain);

    return began_us > 0 && rl_pools_was_active(pool, began_us);
}

bool
rl_named_pool_find(const RlDomain *domain, const GPtrArray *started, const char *pool,
                   const char *volume, char **ret_root, GError **error)
{
    const char *noted = noted_root(started, pool, volume);
    RlDomainRef owner = rl_domain_ref_of(domain);
    g_autofree char *root = NULL;

    *ret_root = g_strdup(noted);
    if (noted)
        return true;
    if (!rl_pools_reflink_root(pool, &root, error))
        return false;
    if (!root)
        return true;
    RlDomainVolume use = {.root = root, .name = (char *) volume};
    if (!rl_domain_volumes_has(started, &use) && !is_unmoved(domain, pool)) {
        Image image = look(root, volume, &owner);
        if (image == OTHER)
            rl_log_warning(
                "domain %s: volume '%s' in '%s' is not stopped: the domain was not started on it, "
                "and the name '%s' may have been that of another pool when the disk was attached. "
                "If the domain ran on this volume, type 'virt-reflink stop'",
                domain->name, volume, root, pool);
        if (image != OWN)
            return true;
    }
    *ret_root = g_steal_pointer(&root);
    return true;
}
