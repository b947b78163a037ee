/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processes of this host, or of this container: /proc/PID (proc(5)). */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct {
    pid_t pid;
    uid_t uid;
    char *name; /* the first 15 bytes of its program's name */
} RlProcess;

/**
 * rl_processes_find:
 * Returns the processes (RlProcess) that have one of @names (ended by NULL), in the order of their
 * ids, owned by the caller. Those of containers, which have process ids of their own, are left out
 * where that can be told.
 */
GPtrArray *rl_processes_find(const char *const *names);

/**
 * rl_process_read:
 * Returns the contents of the file @file of /proc/PID, with a NUL behind them, owned by the caller,
 * and its size in @ret_length; NULL where it cannot be read.
 */
char *rl_process_read(pid_t pid, const char *file, gsize *ret_length);

/**
 * rl_process_program:
 * Returns the path of the program that the process runs, owned by the caller; NULL where that
 * cannot be told.
 */
char *rl_process_program(pid_t pid);

/**
 * rl_process_environment:
 * Returns the value of @variable in the environment that the process @pid was started with, owned
 * by the caller. NULL with *@ret_known false where that cannot be told, true where there is none.
 */
char *rl_process_environment(pid_t pid, const char *variable, gboolean *ret_known);

/**
 * rl_process_age:
 * Returns for how many seconds the process has run; -1 where that cannot be told.
 */
gint64 rl_process_age(pid_t pid);
