/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which thread of libvirt's daemon has called the hook. A thread of it does one API call at a time,
 * and runs all hooks of that itself, each as a child of its own: what one call of the hook
 * announces for the next one holds for calls of the same thread. (Seen with libvirt 9.0: restores,
 * starts from a managed save, incoming migrations.) */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Was it the thread that a note names? */
typedef enum {
    RL_THREAD_SAME,
    RL_THREAD_OTHER,
    RL_THREAD_UNKNOWN, /* the kernel does not tell (CONFIG_PROC_CHILDREN), a script in a session of
                          its own called us, or the note is of an older version of this program */
} RlThreadMatch;

/**
 * rl_calling_thread_find:
 * Returns words that name the thread of the daemon that called us, as long as the host runs; owned
 * by the caller; NULL where that cannot be told. Looks at every thread of the daemon.
 */
char *rl_calling_thread_find(void);

/**
 * rl_calling_thread_match:
 * Compares the thread that called us with the words @noted, which rl_calling_thread_find() has
 * returned to an earlier call of the hook; NULL or "" where it could not tell.
 */
RlThreadMatch rl_calling_thread_match(const char *noted);

/**
 * rl_calling_thread_has_ended:
 * True if the thread that @noted names, words of rl_calling_thread_find(), is no thread of the
 * daemon that called us: it makes no call any more. False where that cannot be told.
 */
bool rl_calling_thread_has_ended(const char *noted);

/**
 * rl_calling_thread_serves_client:
 * True if that thread is one of those with which the daemon answers its clients. It is another one
 * that looks after a domain when the daemon has come back ("init-DOMAIN", qemuProcessReconnect()).
 * False where that cannot be told.
 */
bool rl_calling_thread_serves_client(void);

/**
 * rl_thread_children:
 * The processes, as numbers in decimal, that the thread @thread of the process @process has begun
 * and not waited for (proc_pid_task(5), "children"); owned by the caller. NULL where the thread has
 * ended, or the kernel does not tell.
 */
char **rl_thread_children(int process, const char *thread);
