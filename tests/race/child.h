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
    Op *opened;
} Run;

typedef struct {
    int slot;
    Role role;
    RlPool *pool;
    Run runs[VOLUMES];
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
void do_age(int volume);
