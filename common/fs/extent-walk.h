/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All extents of a file, one after the other, and which of them lie in one piece. */
#pragma once

#include "common/base/progress.h"
#include "extent-map.h"

/**
 * RlExtentVisit:
 * Called for each extent, by rising place in the file. @joined is true where it goes on where the
 * one before ends, in the file and on the disk: what is shared, or not written yet, is called for
 * by itself, and lies in one piece with the rest all the same. Of extents that do not say where
 * their blocks lie (inline, compressed, not placed yet) that is never true. Returns false to end
 * the walk.
 */
typedef bool (*RlExtentVisit)(const struct fiemap_extent *extent, bool joined, void *data);

/**
 * rl_extent_walk:
 * Calls @visit with @data for all extents of the regular file @fd, also those behind its end.
 * @progress may be NULL. Takes time with their number, and the same memory however many there are.
 * False with an errno (EOPNOTSUPP: a file system without FIEMAP).
 */
bool rl_extent_walk(int fd, RlExtentVisit visit, void *data, const RlProgress *progress,
                    GError **error);
