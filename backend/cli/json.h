/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON (RFC 8259) for --json, written piece by piece: one value, indented by two spaces a level. A
 * name is NULL in an array and for the outermost value, and given in an object. Bytes that are no
 * UTF-8 are written as U+FFFD. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <time.h>

typedef struct RlJson RlJson;

/**
 * rl_json_new:
 * Returns a writer, owned by the caller, who ends it with rl_json_print() or rl_json_free().
 */
RlJson *rl_json_new(void);

/**
 * rl_json_begin_object, rl_json_begin_array:
 * Begins one, up to its rl_json_end().
 */
void rl_json_begin_object(RlJson *json, const char *name);
void rl_json_begin_array(RlJson *json, const char *name);
void rl_json_end(RlJson *json);

/**
 * rl_json_string, rl_json_number, rl_json_bool:
 * Writes one value. A string that is NULL is null.
 */
void rl_json_string(RlJson *json, const char *name, const char *value);
void rl_json_number(RlJson *json, const char *name, guint64 value);
void rl_json_bool(RlJson *json, const char *name, bool value);

/**
 * rl_json_time:
 * Writes a time as a string, "2026-11-29T18:03:04Z": in UTC, whole seconds.
 */
void rl_json_time(RlJson *json, const char *name, time_t value);

/**
 * rl_json_text:
 * What was written so far, borrowed: it ends with a newline if all that was begun is ended.
 */
const char *rl_json_text(const RlJson *json);

/**
 * rl_json_flush:
 * Prints what was written so far to stdout, and forgets it: for what may be long.
 */
void rl_json_flush(RlJson *json);

/**
 * rl_json_is_flushed:
 * True if a part of what @json has was printed already. False for NULL.
 */
bool rl_json_is_flushed(const RlJson *json);

/**
 * rl_json_print:
 * Prints what was written to stdout, and frees @json.
 */
void rl_json_print(RlJson *json);

/**
 * rl_json_free:
 * Frees @json; nothing for NULL.
 */
void rl_json_free(RlJson *json);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlJson, rl_json_free)
