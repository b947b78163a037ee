/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a save file that the device models' user may have written says besides images of pools. */
#pragma once

#include "xml/domain.h"

/**
 * rl_saved_xml_files_require:
 * False with RL_ERROR_INVALID if the restored @domain names, anywhere in its XML, a path into a
 * reflink pool or to its directory, a directory that a pool which libvirt knows lies in, a block
 * device that the host has in use (below a mounted file system, for one), a regular file that
 * rl_header_file_doubt() has something against (header-files.h), or as a disk also what the device
 * models' user can replace by another file, and @definition, which is root's, does not name the
 * same path; or if it has a process label (process-labels.h) that @definition has not. @definition
 * is NULL where there is none. Images of pools that are disks are passed over.
 */
bool rl_saved_xml_files_require(const RlDomain *domain, const RlDomain *definition, GError **error);
