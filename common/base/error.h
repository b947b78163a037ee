/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the engine says what went wrong: a GError in one of two domains, with a sentence for a
 * person. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* The rule that was broken or the state that forbids it; the front door maps it to its own idiom.
 */
typedef enum {
    RL_ERROR_NAME,        /* a volume name breaks a rule of names */
    RL_ERROR_INVALID,     /* other bad input: a size, a source, a flag */
    RL_ERROR_XML,         /* a document is malformed or says something unknown */
    RL_ERROR_EXISTS,      /* the volume or revision is already there */
    RL_ERROR_NOT_FOUND,   /* the volume, its source or a revision is not there */
    RL_ERROR_BUSY,        /* somebody else uses it right now; trying again later can work */
    RL_ERROR_STATE,       /* its state forbids it until a person decides: running, saved, suspect */
    RL_ERROR_UNSUPPORTED, /* never possible here: the kind of volume, the file system, the format */
    RL_ERROR_NOT_BUILT,   /* the directory is no reflink pool: no marker */
    RL_ERROR_UNTRUSTED,   /* others could have written the marker */
} RlErrorCode;

#define RL_ERROR (rl_error_quark())
GQuark rl_error_quark(void);

/* The domain of failed system calls: the code is the errno. */
#define RL_ERRNO (rl_errno_quark())
GQuark rl_errno_quark(void);

/**
 * rl_fail:
 * Sets @error in the domain RL_ERROR. Always returns false, so that "return rl_fail(...)" reads
 * well.
 */
bool rl_fail(GError **error, RlErrorCode code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/**
 * rl_fail_errno:
 * Sets @error in the domain RL_ERRNO with the code @saved_errno; the sentence gets ": " and
 * strerror(@saved_errno) appended. Always returns false.
 */
bool rl_fail_errno(GError **error, int saved_errno, const char *format, ...) G_GNUC_PRINTF(3, 4);

/**
 * rl_error_about:
 * Makes the sentence of *@error begin with what it is about, "@what 'NAME': ", if @name is not in
 * it already: what fails deep down, for want of space for one, often knows no name. Nothing where
 * there is no error, or one about the name itself.
 */
void rl_error_about(GError **error, const char *what, const char *name);

/**
 * rl_error_is_errno:
 * True if @error is a failed system call with that errno.
 */
bool rl_error_is_errno(const GError *error, int wanted_errno);
