/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* States that are sent as streams, and received: for unit tests. */
#pragma once

#include "common/image/partial-image.h"
#include "common/operation/receive.h"
#include "lab.h"

/* A volume, and the one that its states are received as. */
#define SENT "vm/disk"
#define SENT_COPY "backup/vm-disk"

/* The stream, closed by the caller; the first one may fail, with -1. */
int send_try(Lab *lab, const char *state, const char *from, GError **error);
int send_state(Lab *lab, const char *state, const char *from);

/* The rest of the stream that @came is of; -1 where that fails. */
int send_rest(Lab *lab, const char *state, const char *from, const RlPartialNote *came,
              GError **error);

/* Receives the first @size bytes of the stream @fd as @name, and keeps what came. */
#define SENT_KEEP_EVERY (8 * KIB)
bool send_receive_part(Lab *lab, const char *name, int fd, off_t size, GError **error);

/* What is kept for the volume @name; false where nothing is. */
bool send_kept(Lab *lab, const char *name, RlPartialNote *ret_came);

/* Receives the stream @fd from its beginning as @name; the first one may fail, the last one does.
 */
bool send_receive_try(Lab *lab, const char *name, int fd, RlReceived *ret_received, GError **error);
RlReceived send_receive(Lab *lab, const char *name, int fd);
void send_receive_fails(Lab *lab, const char *name, int fd, int code, const char *words);

/* Both. */
void send_move(Lab *lab, const char *state, const char *from, const char *to);

/* All bytes are the same, as are the sizes: of two files, of SENT and SENT_COPY. */
void send_same_files(const char *one, const char *other);
void send_same_volumes(Lab *lab);

/* Makes the revision @name of what the volume @of has. */
void send_label(Lab *lab, const char *of, const char *name);
