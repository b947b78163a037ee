/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The process that keeps the images of a run open (lost-write-witness.h), and the socket by which
 * it is asked: a client connects, sends one byte, and where it wants the images gets them, and with
 * them a byte for each that says how it was written to (common/fs/write-watch.h). */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "common/base/paths.h"
#include "common/fs/write-watch.h"
#include "witness-images.h"

#define RL_WITNESS_DIR RL_LOCK_DIR "/witness"

/* What a client wants. */
enum {
    RL_WITNESS_GIVE = 'g',  /* the descriptors */
    RL_WITNESS_LOOK = 'l',  /* that it ends if nobody runs on its images */
    RL_WITNESS_LEAVE = 'x', /* that it ends */
};

/* The byte for each of RlWrites. An earlier version of this process sends none of them. */
#define RL_WITNESS_WRITES "?1+"

/* What comes with the answer: cmsg(3). */
typedef union {
    char space[CMSG_SPACE(RL_WITNESS_IMAGES_MAX * sizeof(int))];
    struct cmsghdr align;
} RlWitnessControl;

struct sockaddr_un;

/**
 * rl_witness_set_address:
 * Puts @path into @address; false where it is too long for a socket.
 */
bool rl_witness_set_address(const char *path, struct sockaddr_un *address);

/**
 * rl_witness_process_start:
 * Starts the process with @images, which listens at @path; the caller keeps both. The last of them
 * another one kept before: @before has for each of these how they were written to (RlWrites). It
 * closes all other descriptors that the caller has. False with errno where that fails.
 */
bool rl_witness_process_start(char *path, const GArray *images, const GArray *before);
