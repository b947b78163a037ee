/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our part of a pool's XML: its options. */
#pragma once

#include "common/format/pool-options.h"
#include "storage_conf.h"

/**
 * rl_namespace_register:
 * Tells libvirt to read and write our namespace in directory pools. 0, or -1 with libvirt's error
 * set.
 */
int rl_namespace_register(void);

/**
 * rl_namespace_options:
 * The options in the XML of the pool @def, borrowed; NULL where it has none.
 */
const RlOptions *rl_namespace_options(const virStoragePoolDef *def);
