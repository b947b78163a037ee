/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which domain has had an image's inode for its disk, in this boot of the host. It stays on the
 * inode when the run on it has ended: a page of it that a device model had mapped can be filled
 * after that, while no process has the image open (docs/security.md, "A page that is still to be
 * filled"). No such page outlives the host's boot. */
#pragma once

#include <stdbool.h>

#include "image-owner.h"

/**
 * rl_image_domain_set:
 * Writes on the image @fd, which rl_image_domain_is_other() has said to be no other domain's, that
 * @owner is about to have it. Of a run by hand it is not known who gets the disk: "several".
 * Durable with the next fsync(2) of @fd, and of no use after a power cut.
 */
bool rl_image_domain_set(int fd, const RlDomainRef *owner, GError **error);

/**
 * rl_image_domain_add:
 * The same where it was not asked: if another domain had the image in this boot of the host,
 * several have had it from now on.
 */
bool rl_image_domain_add(int fd, const RlDomainRef *owner, GError **error);

/**
 * rl_image_domain_set_none:
 * Writes on the image @fd, a new file, that no domain has had it.
 */
bool rl_image_domain_set_none(int fd, GError **error);

/**
 * rl_image_domain_is_other:
 * True if in this boot of the host another domain than @owner has had the image @fd, or several;
 * with @owner NULL only if several had it. @unknown is returned where nothing is noted, as on what
 * a version of the module before this note has left. Where the boot or the attribute cannot be
 * read, true.
 */
bool rl_image_domain_is_other(int fd, const RlDomainRef *owner, bool unknown);

/**
 * rl_image_domain_is_any:
 * True if some domain has had the image @fd, in whatever boot of the host: its device model may
 * have written to it, and set its date. Where the attribute cannot be read, true.
 */
bool rl_image_domain_is_any(int fd);
