/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images that a domain's XML names elsewhere than as a disk. The emulator would open them as they
 * lie there, and may write to them (a log, firmware's variables, an NVDIMM, <qemu:commandline>); no
 * start gives it the dirty image, and no end commits that. */
#pragma once

#include "xml/domain.h"

/**
 * rl_outside_disks_require:
 * At 'prepare begin': false with RL_ERROR_INVALID if @domain names a file of a volume of a reflink
 * pool elsewhere than as a disk, or shares a directory of a pool with its guest for writing; or if
 * it names more than RL_NAMED_FILES_MAX files. A directory around a pool, and a path that is not
 * absolute, are not noticed. Costs a look at each path; the way up to a pool is only walked from
 * one that has the name of an image, that something is mounted on, that has several
 * names (rl_disk_place_require_file()), or that lies beside a marker.
 */
bool rl_outside_disks_require(const RlDomain *domain, GError **error);
