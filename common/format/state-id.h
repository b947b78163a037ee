/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which state of a volume is an image? A stream of changes fits only the state that it begins with,
 * and that may lie in another pool, on another host. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define RL_STATE_ID_DIGITS 32

/* An image's id, and its size and date when it was sent first: whoever wrote to an image in place,
 * past us, changed its date. */
typedef struct {
    char id[RL_STATE_ID_DIGITS + 1];
    uint64_t size; /* bytes */
    struct timespec date;
} RlStateId;

/**
 * rl_state_id_is_valid:
 * True if @state can be one: hex digits, a size that a file can have, less than a second of
 * nanoseconds.
 */
bool rl_state_id_is_valid(const RlStateId *state);

/**
 * rl_state_id_same:
 * True if both are the same state.
 */
bool rl_state_id_same(const RlStateId *one, const RlStateId *other);

/**
 * rl_state_id_format, rl_state_id_parse:
 * A state as text, ID:SIZE:SECONDS:NANOSECONDS, owned by the caller, and back: false where @text
 * names none.
 */
char *rl_state_id_format(const RlStateId *state);
bool rl_state_id_parse(const char *text, RlStateId *ret_state);

/**
 * rl_state_id_get:
 * Which state the image @fd, at rest, is: the one that was received (rl_state_id_set_received()),
 * if it is that still, or its own. Gives an image that has no id yet one. False with
 * RL_ERROR_INVALID where its attribute is damaged, or an errno.
 */
bool rl_state_id_get(int fd, RlStateId *ret_state, GError **error);

/**
 * rl_state_id_is:
 * Says in *@ret_is whether the image @fd, at rest, is the state @state: its own, or the one that it
 * was received as. Changes nothing.
 */
bool rl_state_id_is(int fd, const RlStateId *state, bool *ret_is, GError **error);

/**
 * rl_state_id_set_received:
 * Notes on the image @fd, which has its id and its whole content, that it was received as @state.
 * The note counts as long as the image has the id, size and date that it has now. Durable with the
 * next fsync(2) of @fd.
 */
bool rl_state_id_set_received(int fd, const RlStateId *state, GError **error);
