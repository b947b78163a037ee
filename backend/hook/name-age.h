/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Since when an image at rest has its name. While a domain runs, its volume may be committed: the
 * domain still has the image of before, and another one has the name. */
#pragma once

#include "read-disk.h"
#include "run-record.h"

/**
 * rl_name_age_is_older:
 * True if the clean image or named revision @fd has had its name since before @run began. Any doubt
 * is no.
 */
bool rl_name_age_is_older(int fd, const RlRunRecord *run);

/**
 * rl_name_age_may_differ:
 * @fd has the name of @read, which a domain came to have at some time of @run: true if that may
 * have been another image. A numbered or named revision keeps its name as long as a process has it
 * open, and the first image of a volume came after none, unless one of that name was deleted
 * (left-name.h); a direct volume has no history that tells.
 */
bool rl_name_age_may_differ(int fd, const RlReadDisk *read, const RlRunRecord *run);
