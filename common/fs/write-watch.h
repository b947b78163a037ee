/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In how many spans of time files are written to: a span ends when a process that has the file open
 * for writing closes it, no process has it open then, and it has another date than before
 * (inotify(7)). A disk that a domain moved away from is written in one; a copy that somebody makes
 * over it is another. */
#pragma once

#include <glib.h>

typedef enum {
    RL_WRITES_UNKNOWN,
    RL_WRITES_ONCE, /* in one span, or not at all */
    RL_WRITES_AGAIN,
} RlWrites;

typedef struct RlWriteWatch RlWriteWatch;

/**
 * rl_write_watch_new:
 * Begins to watch the files @fds (int, open in any mode; they stay the caller's and must stay open
 * and in this order). Returns the watch, owned by the caller. What cannot be watched, as a limit
 * of the kernel's (fs.inotify.*) is reached, is RL_WRITES_UNKNOWN.
 */
RlWriteWatch *rl_write_watch_new(const GArray *fds);

/**
 * rl_write_watch_fd:
 * Returns a descriptor for poll(2), the watch's, or -1: rl_write_watch_read() has to be called soon
 * whenever it can be read. Whoever opens a file again before that is in the same span.
 */
int rl_write_watch_fd(const RlWriteWatch *watch);

/**
 * rl_write_watch_read:
 * Notes what has happened. Does not wait.
 */
void rl_write_watch_read(RlWriteWatch *watch);

/**
 * rl_write_watch_resume:
 * Another watch knew @before of the file number @index, which nobody writes to now, unless that is
 * RL_WRITES_UNKNOWN: whoever writes from now on does so again.
 */
void rl_write_watch_resume(RlWriteWatch *watch, guint index, RlWrites before);

/**
 * rl_write_watch_get:
 * Says how the file number @index was written to; a span that goes on counts.
 */
RlWrites rl_write_watch_get(RlWriteWatch *watch, guint index);

/**
 * rl_write_watch_free:
 * Ends it; nothing for NULL.
 */
void rl_write_watch_free(RlWriteWatch *watch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlWriteWatch, rl_write_watch_free)
