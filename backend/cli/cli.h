/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The frame of virt-reflink: a command is one row of the table in backend/command/main.c and one
 * file with its function, which declares the options it has, calls rl_call_begin(), and does its
 * work on
 * @call->pool and @call->names. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "common/pool/pool.h"

/* The program's exit codes: docs/virt-reflink.8 says what they mean. */
typedef enum {
    RL_EXIT_DONE = 0,
    RL_EXIT_FAILED = 1,
    RL_EXIT_USAGE = 2,
    RL_EXIT_FOUND = 3, /* check has found something */
} RlExit;

typedef struct RlCall RlCall;
typedef struct RlDocument RlDocument;       /* document.h */
typedef struct RlProgressBar RlProgressBar; /* progress-bar.h */

/* What a command is. */
typedef enum {
    RL_COMMAND_PLAIN = 0,
    RL_COMMAND_JSON = 1 << 0,    /* shows something: with --json it prints that itself */
    RL_COMMAND_NO_POOL = 1 << 1, /* has no POOL, and needs no root */
    RL_COMMAND_FILE = 1 << 2,    /* has a file's path before POOL */
    RL_COMMAND_ROOT = 1 << 3,    /* has no POOL, but needs root */
    RL_COMMAND_REPORT = 1 << 4,  /* changes something: with --json it ends with a document */
    RL_COMMAND_STREAM = 1 << 5,  /* its stdout is a stream: the document goes to stderr, alone */
    RL_COMMAND_DOMAIN = 1 << 6,  /* what follows POOL is a domain, no volume */
} RlCommandFlags;

typedef struct {
    const char *word;
    const char *arguments; /* for its usage: "POOL VOLUME" */
    const char *purpose;
    guint least, most; /* how many arguments it has, POOL and a file among them */
    RlCommandFlags flags;
    /* Prints what it did. RL_EXIT_FAILED with @error, or what rl_call_begin() has noted. */
    RlExit (*function)(RlCall *call, GError **error);
} RlCommand;

/* One call of the program. */
struct RlCall {
    const RlCommand *command;
    int argc; /* what came, without the command's word; borrowed */
    char **argv;
    RlDocument *document; /* what --json prints at the end; NULL in tests of the frame alone */

    /* From rl_call_begin(). */
    gboolean json, quiet;
    char *file;         /* the path of a command with RL_COMMAND_FILE */
    RlPool *pool;       /* NULL for a command without one */
    RlProgressBar *bar; /* shows how far copies of data in the pool have come; goes with the first
                           sentence that is printed then */
    GPtrArray *names;   /* all arguments of a command without one; else what follows POOL, as VOLUME
                           or VOLUME@REVISION where a path of one of its images was given; not looked
                           up yet. Strings that it owns */
    RlExit exit;        /* where rl_call_begin() was false */
};

/**
 * rl_call_begin:
 * Reads the options and arguments of @call. @options, which may be NULL, are those that its command
 * has beside --help, --quiet and --json; they end with G_OPTION_ENTRY_NULL. Opens the pool. False
 * where there is nothing left to do: @call->exit is what the program ends with. That is with @error
 * RL_EXIT_FAILED; without one --help or a wrong usage, which has been printed.
 */
bool rl_call_begin(RlCall *call, const GOptionEntry *options, GError **error);

/**
 * rl_call_name:
 * The argument @index behind POOL, borrowed; NULL where it was not given.
 */
const char *rl_call_name(const RlCall *call, guint index);

/**
 * rl_call_say:
 * Prints a sentence and a newline for a person, unless --quiet or --json was given.
 */
void rl_call_say(const RlCall *call, const char *format, ...) G_GNUC_PRINTF(2, 3);

/**
 * rl_call_warn:
 * The same on stderr, behind "virt-reflink: ", in any case; and among the warnings of the document
 * of @call, which may be NULL. With RL_COMMAND_STREAM and --json it is only there.
 */
void rl_call_warn(const RlCall *call, const char *format, ...) G_GNUC_PRINTF(2, 3);

/**
 * rl_call_complain:
 * Prints @error as rl_call_warn() does: that with which @call ends.
 */
void rl_call_complain(const RlCall *call, const GError *error);

/**
 * rl_call_misused:
 * Prints that the arguments of @call are wrong, as @format says, and its usage. Returns
 * RL_EXIT_USAGE.
 */
RlExit rl_call_misused(RlCall *call, const char *format, ...) G_GNUC_PRINTF(2, 3);

/**
 * rl_call_done:
 * The exit code of a command whose work succeeded, or not.
 */
static inline RlExit
rl_call_done(bool done)
{
    return done ? RL_EXIT_DONE : RL_EXIT_FAILED;
}

/**
 * rl_call_clear:
 * Frees what @call has.
 */
void rl_call_clear(RlCall *call);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RlCall, rl_call_clear)

/* One file each. */
RlExit rl_command_adopt(RlCall *call, GError **error);
RlExit rl_command_attach(RlCall *call, GError **error);
RlExit rl_command_check(RlCall *call, GError **error);
RlExit rl_command_continue(RlCall *call, GError **error);
RlExit rl_command_defragment(RlCall *call, GError **error);
RlExit rl_command_detach(RlCall *call, GError **error);
RlExit rl_command_diff(RlCall *call, GError **error);
RlExit rl_command_discard(RlCall *call, GError **error);
RlExit rl_command_doctor(RlCall *call, GError **error);
RlExit rl_command_export(RlCall *call, GError **error);
RlExit rl_command_fragmentation(RlCall *call, GError **error);
RlExit rl_command_import(RlCall *call, GError **error);
RlExit rl_command_info(RlCall *call, GError **error);
RlExit rl_command_init(RlCall *call, GError **error);
RlExit rl_command_list(RlCall *call, GError **error);
RlExit rl_command_receive(RlCall *call, GError **error);
RlExit rl_command_revisions(RlCall *call, GError **error);
RlExit rl_command_clone(RlCall *call, GError **error);
RlExit rl_command_delete(RlCall *call, GError **error);
RlExit rl_command_log(RlCall *call, GError **error);
RlExit rl_command_metrics(RlCall *call, GError **error);
RlExit rl_command_prune(RlCall *call, GError **error);
RlExit rl_command_rename(RlCall *call, GError **error);
RlExit rl_command_repath(RlCall *call, GError **error);
RlExit rl_command_revert(RlCall *call, GError **error);
RlExit rl_command_snapshot(RlCall *call, GError **error);
RlExit rl_command_send(RlCall *call, GError **error);
RlExit rl_command_start(RlCall *call, GError **error);
RlExit rl_command_stop(RlCall *call, GError **error);
RlExit rl_command_usage(RlCall *call, GError **error);
RlExit rl_command_validate(RlCall *call, GError **error);
