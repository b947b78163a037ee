/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt's qemu driver writes into a domain's log when it ends. It is best effort: where /var
 * is full, the log has neither the start of a run nor its end. So a line proves something only if
 * it is dated after the run began. And a device model writes into it as well. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#ifndef RL_QEMU_LOG_DIR
#define RL_QEMU_LOG_DIR "/var/log/libvirt/qemu"
#endif

/* What the log of one run says. */
typedef enum {
    RL_LOG_NOTHING,
    RL_LOG_STOPPED,    /* shut down or destroyed */
    RL_LOG_FOUND_DEAD, /* crashed; or found dead by a daemon that had come back */
    RL_LOG_FAILED,     /* it did not start */
    RL_LOG_SAVED,
    RL_LOG_SAVED_THEN_DEAD, /* saved, and found dead by a daemon that was killed meanwhile; or it
                             * went on, and died later */
    RL_LOG_MIGRATED,
    RL_LOG_OTHER, /* a reason that we do not know */
} RlLogEnding;

/**
 * rl_qemu_log_ending:
 * Reads from the log of the domain @name how the run ended that began at @began_ms (milliseconds of
 * the wall's clock; not 0): its last lines "...: shutting down, reason=..." after its last start
 * (qemuProcessStop() in src/qemu/qemu_process.c), as far as they are dated between that and now.
 */
RlLogEnding rl_qemu_log_ending(const char *name, gint64 began_ms);

/**
 * rl_qemu_log_ending_of_text:
 * The same from the end of a log, for lines dated from @from_ms to @to_ms.
 */
RlLogEnding rl_qemu_log_ending_of_text(const char *text, gint64 from_ms, gint64 to_ms);
