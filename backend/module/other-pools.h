/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools of other types: as the destination of a clone, where what their backends read is a volume's
 * path, which is the dirty image; and where they must not lie (other-pool-targets.h). */
#pragma once

/**
 * rl_other_pools_wrap:
 * From now on a clone out of a reflink pool into a pool of any type that can clone reads what one
 * within the pool would (rl_clone_source_build_stock()), and no such pool leads into a reflink
 * pool (rl_other_pool_targets_wrap()). The first call does it; libvirt must have
 * loaded all of its backends before.
 */
void rl_other_pools_wrap(void);
