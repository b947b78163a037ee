/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What may be on a disk after a power cut: all that was written before a flush, and any part of
 * what was written between that and the next one. */
#pragma once

#include "record.h"

typedef enum {
    STATE_ALL,     /* all of the epoch: the next flush, just done */
    STATE_FIRST,   /* its first n writes */
    STATE_WITHOUT, /* all but the nth */
    STATE_ONLY,    /* the nth and no other */
    STATE_SOME,    /* a random subset of its writes, with the seed n */
    STATE_TORN,    /* the same of their pieces of 4 KiB */
} StateKind;

typedef struct {
    guint epoch;
    StateKind kind;
    guint64 n;
    guint64 hash; /* of the disk's content */
} State;

/* The state's name ("57.first.4"), owned by the caller, and back. */
char *state_name(const State *state);
bool state_parse(const char *name, State *ret_state);

/* Does to @disk, on which all epochs before the state's are, what makes the state. */
void state_build(const Recording *recording, const State *state, char *disk);

/* Chooses @wanted states of the epochs from @first on, no two of which have the same content: every
 * flush, and as many more as that leaves. Fewer where there are no more. In the order of epochs;
 * owned by the caller. */
GArray *states_choose(const Recording *recording, guint first, guint wanted, guint32 seed);
