/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest whose file systems are frozen for a moment, through libvirt and the guest's agent.
 * Another process sees to it that they are thawed, however this one ends: a guest that stays frozen
 * hangs. */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct RlFreeze RlFreeze;

/**
 * rl_freeze_begin:
 * Freezes all file systems of the guest of the running domain @uuid of @driver (NULL: of any),
 * *@ret_count in number. Returns what rl_freeze_end() takes. NULL with RL_ERROR_STATE where the
 * domain does not run, its agent does not answer, or no process can be made: then nothing is
 * frozen. To be called while the process has one thread.
 *
 * Where this process is killed, at any point, the other one thaws them: its end of a pipe says so.
 */
RlFreeze *rl_freeze_begin(const char *uuid, const char *driver, int *ret_count, GError **error);

/**
 * rl_freeze_end:
 * Thaws them and frees @freeze. False with @error where libvirt says that this failed: then the
 * other process tries it again for a minute.
 */
bool rl_freeze_end(RlFreeze *freeze, GError **error);
