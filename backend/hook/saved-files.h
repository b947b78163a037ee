/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a save file that the device models' user may have written names besides images of pools. */
#pragma once

#include "xml/domain.h"

/**
 * rl_saved_files_require:
 * False with RL_ERROR_INVALID if the restored @domain names, anywhere in its XML, a path into a
 * reflink pool or to its directory, a block device that the host has in use (below a mounted file
 * system, for one), or as a disk what the device models' user can replace by another file, and
 * @definition, which is root's, does not name the same path. @definition is NULL where there is
 * none. Images of pools that are disks are passed over.
 */
bool rl_saved_files_require(const RlDomain *domain, const RlDomain *definition, GError **error);
