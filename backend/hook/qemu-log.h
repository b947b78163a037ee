/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt's qemu driver writes into a domain's log when it ends. */
#pragma once

#include "ending.h"

#ifndef RL_QEMU_LOG_DIR
#define RL_QEMU_LOG_DIR "/var/log/libvirt/qemu"
#endif
#ifndef RL_QEMU_SAVE_DIR
#define RL_QEMU_SAVE_DIR "/var/lib/libvirt/qemu/save"
#endif

/**
 * rl_qemu_log_ending:
 * Reads from the log of the domain @name how it ended: its last line "...: shutting down,
 * reason=..." after its last start (qemuProcessStop() in src/qemu/qemu_process.c).
 * What was saved stays so, whatever a daemon that comes back writes behind it. RL_ENDING_UNKNOWN
 * where there is no such line. *@ret_file is the managed save file, if there is one.
 */
RlEnding rl_qemu_log_ending(const char *name, char **ret_file);

/**
 * rl_qemu_log_ending_of_text:
 * The same from the end of a log.
 */
RlEnding rl_qemu_log_ending_of_text(const char *text);
