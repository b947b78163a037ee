/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools of other types as the destination of a clone: what their backends read is a volume's path,
 * which is the dirty image. */
#pragma once

/**
 * rl_others_wrap:
 * From now on a clone out of a reflink pool into a pool of any type that can clone reads what one
 * within the pool would (rl_clone_source_build_stock()). The first call does it; libvirt must have
 * loaded all of its backends before.
 */
void rl_others_wrap(void);
