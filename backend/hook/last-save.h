/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which save of a domain was its last one, as long as the host is up: what a file system that was
 * put back to an earlier state does not know any more. */
#pragma once

#include "common/format/image-save.h"
#include "xml/domain.h"

/**
 * rl_last_save_note:
 * Notes that all images of @domain say now that they are of the save @id. A failure is
 * only logged.
 */
void rl_last_save_note(const RlDomain *domain, const char *id);

/**
 * rl_last_save_read:
 * Fills in what was noted last of @domain in @memory: its save and save_us.
 */
void rl_last_save_read(const RlDomain *domain, RlMemory *memory);

/**
 * rl_last_save_forget:
 * Removes that note.
 */
void rl_last_save_forget(const RlDomain *domain);
