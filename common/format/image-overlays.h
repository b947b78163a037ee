/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domains whose disks are overlays (external snapshots) on a dirty image. To whoever else wrote to
 * it in place they would fall victim. The note stays on the image through starts, saves and
 * crashes, until the image is committed or put aside, or a person decides. */
#pragma once

#include "image-owner.h"

/**
 * rl_overlays_add:
 * Notes on the image @fd that a disk of @owner is an overlay on it. Durable with its next fsync(2).
 */
bool rl_overlays_add(int fd, const RlDomainRef *owner, GError **error);

/**
 * rl_overlays_other:
 * Returns true with *@ret_name, the name of a domain other than @owner (NULL: of any) whose disk is
 * an overlay on the image @fd, owned by the caller; NULL where there is none.
 */
bool rl_overlays_other(int fd, const RlDomainRef *owner, char **ret_name, GError **error);

/**
 * rl_overlays_get:
 * Reads what is noted on the image @fd into *@ret_text, owned by the caller; NULL where nothing is.
 */
bool rl_overlays_get(int fd, char **ret_text, GError **error);

/**
 * rl_overlays_find_other:
 * As rl_overlays_other(), of what rl_overlays_get() has read; the name is returned.
 */
char *rl_overlays_find_other(const char *text, const RlDomainRef *owner);

/**
 * rl_overlays_names:
 * True if @text, which rl_overlays_get() has read (may be NULL), says that a disk of @owner is an
 * overlay on the image.
 */
bool rl_overlays_names(const char *text, const RlDomainRef *owner);

/**
 * rl_overlays_remove_first:
 * No more notes on the image @fd the overlay that rl_overlays_find_other() names of @text for any
 * domain, which rl_overlays_get() has read there. Fine where there is none.
 */
bool rl_overlays_remove_first(int fd, const char *text, GError **error);

/**
 * rl_overlays_clear:
 * Nothing is above the image @fd any more.
 */
bool rl_overlays_clear(int fd, GError **error);
