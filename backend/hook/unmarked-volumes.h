/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of a run that was to mark its images, and could not: done before the domain's next run.
 */
#pragma once

#include "domain-volumes.h"

/**
 * rl_unmarked_volumes_mark:
 * Marks the images of @domain's last run as its end is noted (common/format/unmarked-run.h): those
 * of the volumes in @uses and of those that it was started on. When each is marked, the note goes;
 * a failure is logged, and the note stays: with that the images are taken for what they are to be.
 * Where nothing is noted it costs one look for a file.
 */
void rl_unmarked_volumes_mark(const RlDomain *domain, const GPtrArray *uses);
