/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Overlays of which libvirt keeps a record, while no definition names their disks: of a transient
 * domain, whose definition is gone with its run, and of a disk that was plugged in for the run
 * alone. After a power cut the record is all there is. */
#pragma once

#include <glib.h>

#include "domain.h"
#include "image-search.h"

/**
 * rl_lone_overlays_add:
 * A snapshot of @domain, as its record has that, made @overlay for the disk @target, at @made, in
 * seconds of the wall's clock, or 0. Nothing where @search does not look for such.
 */
void rl_lone_overlays_add(RlImageSearch *search, const RlDomain *domain, const char *target,
                          const char *overlay, gint64 made);

/**
 * rl_lone_overlays_know:
 * @domain is defined or runs, with these disks. An overlay that was made for one of them is merged
 * if that has the image itself now, or another path on which the overlay was; where it has another,
 * the overlay may have been taken from the domain, to be given to another one.
 */
void rl_lone_overlays_know(RlImageSearch *search, const RlDomain *domain);

/**
 * rl_lone_overlays_find:
 * Returns the name of the domain of which an overlay lies on the image, owned by the caller; NULL
 * where there is none. Not the domain that @search excepts. The records of all domains must have
 * been read. That an overlay is not where it was made does not say that it is gone: it may have
 * been moved. One is passed over only if its file is not there, and its snapshot was made a day
 * before the image: a clock may be set. That an image was made then counts if a run is noted on
 * it, on this inode: what came with a copy may be older.
 */
char *rl_lone_overlays_find(const RlImageSearch *search);
