/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "volume-domain.h"

#include "backend/cli/image-path.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/pool/volume.h"
#include "xml/definitions.h"

void
rl_volume_domain_clear(RlVolumeDomain *domain)
{
    g_free(domain->uuid);
    g_free(domain->driver);
    g_free(domain->name);
    *domain = (RlVolumeDomain){0};
}

bool
rl_volume_domain_run(const RlPool *pool, const char *name, RlImageOwner **ret_run, bool *ret_dirty,
                     GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);

    *ret_run = NULL;
    *ret_dirty = volume && volume->dirty.there;
    if (!*ret_dirty)
        return volume;
    rl_autofd int fd = rl_volume_open_image(volume, volume->dirty_file, error);
    return fd >= 0 && rl_image_owner_get(fd, ret_run, error);
}

bool
rl_volume_domain_find(const RlPool *pool, const char *name, const RlImageOwner *run,
                      RlVolumeDomain *domain, GError **error)
{
    bool overlaid;

    if (run && !rl_image_owner_is_by_hand(run)) {
        *domain = (RlVolumeDomain){g_strdup(run->uuid), g_strdup(run->driver), g_strdup(run->name)};
        return true;
    }
    g_autofree char *image = rl_image_path(pool, name, error);
    g_autoptr(RlDomain) user =
        image ? rl_xml_definitions_find_running(image, NULL, &overlaid) : NULL;
    if (!user)
        return image &&
               rl_fail(error, RL_ERROR_STATE, "volume '%s' is a disk of no running domain", name);
    *domain = (RlVolumeDomain){.uuid = g_strdup(user->uuid), .name = g_strdup(user->name)};
    return true;
}
