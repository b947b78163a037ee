/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How a run ended under libvirt's qemu driver: what the status file and the domain's log say
 * together, and which of them counts where they contradict each other. */
#pragma once

#include "qemu-log.h"
#include "status-verdict.h"

/**
 * rl_end_reason_join:
 * What both witnesses together say: the @verdict on the status file (NULL where there was none) and
 * the @log. @saved_now: there is a managed save file, whole, that this run has written. Where they
 * contradict, or neither says enough, RL_END_UNKNOWN.
 */
RlEndReason rl_end_reason_join(const RlVerdict *verdict, RlLogEnding log, bool saved_now);
