/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An image is served to clients of NBD by qemu-nbd(8), or with a dirty bitmap by
 * qemu-storage-daemon(1), on a socket that only this user can open. Either
 * is handed the socket: before qemu-nbd makes one of its own it removes whatever has that name
 * (findings/qemu-nbd-removes-a-file.sh). */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "nbd-bitmap.h"

typedef struct {
    const char *path;          /* of the socket, which must not be there */
    int image;                 /* it is open for reading as this, and is served as raw bytes */
    bool once;                 /* until the last client has gone; else until a signal comes */
    const RlNbdBitmap *bitmap; /* what changed, from rl_nbd_bitmap_find(); not with once; or NULL */
    void (*ready)(void *data); /* called when clients may connect */
    void *data;
} RlNbdWish;

/**
 * rl_nbd_listen:
 * Makes the socket @path, with the mode 0600, and listens. From now on the signals that end
 * rl_nbd_serve() wait for it. Returns it, owned by the caller, who
 * ends it with rl_nbd_unlink(); -1 with RL_ERROR_EXISTS where something is there, RL_ERROR_INVALID
 * for a path that is too long for a socket, or an errno.
 */
int rl_nbd_listen(const char *path, GError **error);

/**
 * rl_nbd_serve:
 * Serves @wish to the clients of @socket, from rl_nbd_listen(), until it is over: SIGTERM, SIGINT
 * or SIGHUP has come, or with @wish->once the last client has gone. The server ends with this
 * process, whatever ends that. Where the image gets other names, or none, meanwhile, does not
 * matter. False with RL_ERROR_UNSUPPORTED where there is no such server, RL_ERROR_INVALID where
 * that fails (it has said why on stderr), or an errno.
 */
bool rl_nbd_serve(const RlNbdWish *wish, int socket, GError **error);

/**
 * rl_nbd_unlink:
 * Removes the socket @path, if it is still @socket.
 */
void rl_nbd_unlink(const char *path, int socket);

/**
 * rl_nbd_uri:
 * Returns what clients are given, "nbd+unix:///EXPORT?socket=PATH", owned by the caller.
 */
char *rl_nbd_uri(const char *path, const char *export);
