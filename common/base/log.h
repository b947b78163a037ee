/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one log of everything that happens to images: `journalctl -t libvirt-reflink` tells the
 * story. */
#pragma once

#include <glib.h>

#define RL_LOG_IDENTIFIER "libvirt-reflink"

/* Each writes one line. INFO is for every image that is made, cloned, linked, renamed or removed;
 * WARNING for what an administrator should look at. They go to the journal, to syslog where the
 * journal is not there or takes nothing on, and nowhere where there is neither: never to stderr,
 * which libvirt shows to its users. Nobody waits for them, and nothing depends on them. */
void rl_log_info(const char *format, ...) G_GNUC_PRINTF(1, 2);
void rl_log_warning(const char *format, ...) G_GNUC_PRINTF(1, 2);
