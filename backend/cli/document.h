/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What --json prints for a command that changes something: one object, at its end, whether it
 * succeeded or not. docs/virt-reflink.schema.json describes it. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "cli.h"
#include "common/format/image-owner.h"
#include "json.h"

/* Errors of the command line itself, beside those of the engine. */
typedef enum {
    RL_CALL_ERROR_USAGE,       /* wrong options or arguments */
    RL_CALL_ERROR_UNCONFIRMED, /* a question would have to be asked, and must not be */
} RlCallErrorCode;

#define RL_CALL_ERROR (rl_call_error_quark())
GQuark rl_call_error_quark(void);

/* A command writes its members into @json at any time, with or without --json. It never leaves an
 * array or an object open when it fails. */
struct RlDocument {
    RlJson *json;         /* an object that is open */
    GPtrArray *warnings;  /* strings */
    GPtrArray *committed; /* strings: volumes whose commit waited for space, and is done now */
    GError *misuse;       /* what rl_call_misused() said */
    bool changed;         /* the command has changed something */
    bool planned;         /* it only says what it would do */
    bool printed;         /* its standard output has JSON already, or a part of it */
};

/**
 * rl_document_new:
 * Returns the document of a command named @word, owned by the caller.
 */
RlDocument *rl_document_new(const char *word);

/**
 * rl_document_is_wanted:
 * Is @call, which has ended with @error or without, to end with the document? Of a command that
 * only shows something just a failure does.
 */
bool rl_document_is_wanted(const RlCall *call, const GError *error);

/**
 * rl_document_print:
 * Adds to the document of @call how it ended, and prints it: to stdout, or to stderr for a command
 * whose stdout has something else (RL_COMMAND_STREAM).
 */
void rl_document_print(RlCall *call, RlExit exit, const GError *error);

/**
 * rl_document_strings:
 * Writes @strings as the array @name.
 */
void rl_document_strings(RlJson *json, const char *name, const GPtrArray *strings);

/**
 * rl_document_path:
 * Writes the path that a domain names for the volume @name of @pool as "path".
 */
void rl_document_path(const RlDocument *document, const RlPool *pool, const char *name);

/**
 * rl_document_domain:
 * Writes @domain, whose name may be NULL, as the object "domain".
 */
void rl_document_domain(RlJson *json, const RlDomainRef *domain);

/**
 * rl_document_free:
 * Frees @document; nothing for NULL.
 */
void rl_document_free(RlDocument *document);
