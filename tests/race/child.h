/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the operations of a racing process share. */
#pragma once

#include "race.h"

typedef enum { ROLE_MODULE, ROLE_HOOK, ROLE_WORKER, ROLE_COMMAND, ROLES } Role;

/* A run of one of this process's two domains on a volume. */
typedef struct {
    int owner;          /* 0: none */
    RlStarted *started; /* until the image is opened */
    int fd;             /* of the guest; -1 while it is not open */
    bool arriving;
    Op *opened;
} Run;

/* An image at rest that this process edits. */
typedef struct {
    int fd;
    Op *op; /* NULL: none */
} Edit;

typedef struct {
    int slot;
    Role role;
    RlPool *pool;
    Run runs[VOLUMES];
    Edit edit;
} Child;

extern Child child;

/* Writes down that an operation begins; ended by op_end(), which frees *@error. */
Op *op_begin(OpKind kind, int volume);
void op_end(Op *op, bool done, GError **error);

bool chance(int percent);
int pick(int n);

/* content.c: operations that make or read content. */
void do_create(int volume);
void do_clone(int volume);
void do_label(int volume);
void do_revert(int volume);
void do_upload(int volume);
void do_read(int volume);
/* A revision of the volume as users write it, NULL where there is none; owned by the caller. */
char *pick_revision(int volume, uint64_t *ret_number, int *ret_label);

/* runs.c: what a domain's hook and its guest do. */
void do_start(int volume);
void do_write(int volume);
void do_end_of_run(int volume);
void do_inherit(int volume);
void do_saved(int volume);
void do_start_by_hand(int volume);
/* The guest opens the image that it was started with, or was given. */
void open_image(int volume);
void close_image(int volume);
void forget_run(Run *run);
/* A volume that this process has a run on, @volume if it can be. */
int with_run(int volume);
int pick_owner(void);
void start_run(int volume, int owner_number, RlStartFlags flags);

/* passing.c: images that pass to another domain, or come from another host, or wait for their end.
 */
void do_claim(int volume);
void do_pass_on(int volume);
void do_arrival(int volume);
void do_end_late(int volume);
void do_age(int volume);

/* outside.c: programs that know nothing of pools. */
void do_edit(int volume);
void close_edit(void);
void do_foreign(int volume);
void take_away(int volume);
