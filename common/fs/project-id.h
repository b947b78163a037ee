/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Project ids (xfs_quota(8), ext4's feature "project"): a directory that hands its id down takes no
 * file with another one; link(2) and rename(2) say EXDEV, also within it. Its files have another
 * one where somebody gave an id to the directory of a volume that was there before. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * rl_project_link:
 * As linkat(2) within @dir, of the file @from as @to; where that fails for its project id, once
 * more when it has that of @dir. -1 with errno: EXDEV or EDQUOT where it could not be given that.
 */
int rl_project_link(int dir, const char *from, const char *to);

/**
 * rl_project_rename:
 * As renameat2(2) within @dir, with @flags; the same.
 */
int rl_project_rename(int dir, const char *from, const char *to, unsigned int flags);

/**
 * rl_project_adopt:
 * Gives the file @fd the project id of @dir, where that hands its id down and the file has another
 * one; it counts for the quota of that project from then on. False with errno where that cannot be,
 * or is not to be done: EDQUOT or ENOSPC where a quota forbids it, else EXDEV.
 */
bool rl_project_adopt(int fd, int dir);

/**
 * rl_project_hint:
 * Returns what is to follow, in a sentence about a link or rename that failed with @saved_errno,
 * the names of the files; static, empty where project ids have nothing to do with it.
 */
const char *rl_project_hint(int saved_errno);
