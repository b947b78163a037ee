/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which images of a pool may lie below a domain's disks, or have the data of one (<dataStore>).
 * libvirt calls 'prepare begin' with those that the domain's XML names, and 'start begin' with
 * those as well that it has found in the headers of the images. A guest, or its device model, may
 * have written such a header: it must not say which image of a pool libvirt gives to the device
 * model. */
#pragma once

#include "disk-place.h"
#include "xml/domain.h"

/**
 * rl_header_layers_note:
 * At 'prepare begin': notes which layers the XML of @domain names. A failure is logged; the layers
 * count as found in a header then.
 */
void rl_header_layers_note(const RlDomain *domain);

/**
 * rl_header_layers_require:
 * At 'start begin': false with RL_ERROR_INVALID if an image of a pool has the data of a disk of
 * @domain and the XML at 'prepare begin' does not say so, or if a layer of it is one and only a
 * header says so. Others that say so: the XML at 'prepare begin'; a dirty image's own notes,
 * that the domain ran on it or has an overlay on it; the mark of an external snapshot's file that
 * is called like a clean image, for the same domain (common/pool/overlay-file.h); libvirt's
 * definition of the domain with its snapshots (xml/definitions.h), for a dirty image. False as well
 * if only a header names another file, and rl_header_file_doubt() has something against that
 * (header-files.h), or the owner of libvirt's directory for device models, or another user who
 * cannot do that with the path of the disk itself, can make that path lead elsewhere
 * (common/fs/path-writers.h).
 */
bool rl_header_layers_require(const RlDomain *domain, GError **error);

/**
 * rl_header_layers_may_be_below:
 * True if one of those others says that the image at @place may lie below a disk of @domain; the
 * XML at 'prepare begin' is not asked. Without @begun the run that is noted last is an earlier one,
 * on whose volumes another domain may have run since.
 */
bool rl_header_layers_may_be_below(const RlDiskPlace *place, const RlDomain *domain, bool begun);

/**
 * rl_header_layers_forget:
 * The run of @domain is over.
 */
void rl_header_layers_forget(const RlDomain *domain);
