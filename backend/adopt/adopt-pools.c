/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "adoption.h"
#include "backend/cli/known-pools.h"
#include "common/fs/inode.h"

void
rl_adoption_look_at_pools(RlAdoption *adoption, const char *define)
{
    g_autoptr(GPtrArray) pools = rl_known_pools_read();
    struct stat root, there;

    for (guint i = 0; i < pools->len && fstat(adoption->root, &root) == 0; i++) {
        const RlKnownPool *pool = g_ptr_array_index(pools, i);
        bool is_ours = pool->definition && pool->definition->options;
        if (is_ours || g_strcmp0(pool->name, define) == 0 || !pool->path ||
            stat(pool->path, &there) < 0 || !rl_stat_same(&there, &root))
            continue;
        g_ptr_array_add(adoption->hints,
                        g_strdup_printf("libvirt has this directory as the plain pool '%s': "
                                        "--define %s gives that its new definition.",
                                        pool->name, pool->name));
    }
}
