/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one log of everything that happens to images: `journalctl -t libvirt-reflink` tells the
 * story. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "paths.h"

#define RL_LOG_IDENTIFIER "libvirt-reflink"

/* What the journal can be asked for beside the sentence (journalctl REFLINK_VOLUME=web1). Strings
 * are borrowed; NULL and 0 where there is none. */
typedef struct {
    const char *pool;   /* REFLINK_POOL: the real path of its directory */
    const char *volume; /* REFLINK_VOLUME */
    const char *event;  /* REFLINK_EVENT: a word, see common/operation/run-event.h and
                           docs/libvirt-reflink.7 */
    guint64 revision;   /* REFLINK_REVISION: the one that the event is about */
    const char *domain; /* DOMAIN: the name of the one on whose behalf it is */
} RlLogFields;

/* While there is this file, of whatever content, details are written; else they cost no more than a
 * look for it. A file, since libvirt gives its hooks no environment, and nobody starts a daemon
 * anew to be told more; in memory, since it is to be forgotten with the next boot. */
#define RL_LOG_DETAILS_FILE RL_LOCK_DIR "/debug"

/* Has an administrator asked for details, rl_log_detail()? */
bool rl_log_wants_details(void);

/* Each writes one line. DEBUG, rl_log_detail(), is for every image that is made, cloned, linked,
 * renamed or removed, and is only written when it was asked for; INFO for what happened to a volume
 * or pool; WARNING for what an administrator should look at; ERR for what must never be. They go to
 * the journal, to syslog where the journal is not there or takes nothing on, and nowhere where
 * there is neither: never to stderr, which libvirt shows to its users. Nobody waits for them, and
 * nothing depends on them. */
void rl_log_detail(const RlLogFields *fields, const char *format, ...) G_GNUC_PRINTF(2, 3);
void rl_log_event(const RlLogFields *fields, const char *format, ...) G_GNUC_PRINTF(2, 3);
void rl_log_info(const char *format, ...) G_GNUC_PRINTF(1, 2);
void rl_log_warning(const char *format, ...) G_GNUC_PRINTF(1, 2);
void rl_log_error(const char *format, ...) G_GNUC_PRINTF(1, 2);
