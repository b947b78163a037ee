/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What virt-reflink doctor has found: one line on stdout for each thing, in the order in which it
 * was looked at. A line begins with OK, WRONG (and says what to type), or UNKNOWN (and says what to
 * do to be told). */
#pragma once

#include "json.h"

typedef struct {
    RlJson *json; /* borrowed, with an array open in it, which gets an object for each line; or NULL
                   */
    guint wrong;
    guint unknown;
} RlReport;

/**
 * rl_report_ok, rl_report_wrong, rl_report_unknown:
 * Writes the line about @topic ("hook qemu"). Characters that would begin another line, or that
 * cannot be printed, are written as spaces.
 */
void rl_report_ok(RlReport *report, const char *topic, const char *format, ...) G_GNUC_PRINTF(3, 4);
void rl_report_wrong(RlReport *report, const char *topic, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
void rl_report_unknown(RlReport *report, const char *topic, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/**
 * rl_report_needs_root:
 * True if this process is not root's: then the line says that it cannot look at @topic.
 */
bool rl_report_needs_root(RlReport *report, const char *topic);
