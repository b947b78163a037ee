/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The domain that runs on a volume, and what its guest knows of that. */
#pragma once

#include "common/pool/pool.h"

/**
 * rl_guest_note_size:
 * Where a domain of libvirt's driver "qemu" runs on the volume @name of @pool, the log says that
 * its guest does not see the size that the volume has now, and what to type. (Its device model
 * would have to be told, through a domain's call, which may wait for as long as that model likes.
 * Loop devices, which Xen's block backend serves, have been told by then.) @path is the volume's,
 * as libvirt knows it. The command finds a disk by the very path in the domain's XML, so the log
 * has the short path while there is one.
 */
void rl_guest_note_size(const RlPool *pool, const char *name, const char *path);
