/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A directory becomes a pool, and libvirt is told of it. */
#pragma once

#include "backend/cli/cli.h"

typedef struct {
    int keep;      /* how many automatic revisions are kept; -1: what is in force, or the default */
    gboolean copy; /* a file system without reflinks will do */
    char *name;    /* what libvirt is to call the pool; NULL: as the directory */
    char *define;  /* the same, and libvirt is told; NULL: it is not */
} RlNewPool;

/**
 * rl_new_pool_clear:
 * Frees what @new has.
 */
void rl_new_pool_clear(RlNewPool *new);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RlNewPool, rl_new_pool_clear)

/**
 * rl_new_pool_is_right:
 * True if @new can be what a person wants; else the problem is in *@ret_problem, static.
 */
bool rl_new_pool_is_right(const RlNewPool *new, const char **ret_problem);

/**
 * rl_new_pool_path:
 * Returns the absolute path of @directory, owned by the caller. NULL with RL_ERROR_NOT_FOUND where
 * a file system is to be mounted there, and is not.
 */
char *rl_new_pool_path(const char *directory, GError **error);

/**
 * rl_new_pool_before:
 * *@ret_pool is the pool that the directory @path is already, owned by the caller; NULL where it is
 * none. False with rl_pool_open()'s error where it is or was one whose options cannot be read, or
 * may be another user's: with others the next commit would prune what these keep.
 */
bool rl_new_pool_before(const char *path, RlPool **ret_pool, GError **error);

/**
 * rl_new_pool_make:
 * Makes the directory @path a pool, as rl_pool_build() does; one that is a pool keeps the options
 * that @new does not name. Returns it, owned by the caller; NULL with @error as that, or as
 * rl_new_pool_before().
 */
RlPool *rl_new_pool_make(const RlNewPool *new, const char *path, GError **error);

/**
 * rl_new_pool_tell:
 * Defines @pool in libvirt, marks it to start with the daemon, and starts it; where @new->define is
 * NULL it does nothing. A pool of that name which libvirt has for the same directory, as a plain
 * one, gets the new definition. *@ret_xml is the definition, owned by the caller. *@ret_restart is
 * true where the new definition is in force when the pool is started next. RL_ERROR_EXISTS where
 * libvirt has another pool of that name; RL_ERROR_STATE with what libvirt says, or if its daemon
 * has not loaded the module.
 */
bool rl_new_pool_tell(const RlNewPool *new, const RlPool *pool, char **ret_xml, bool *ret_restart,
                      GError **error);

/**
 * rl_new_pool_say:
 * Prints what rl_new_pool_tell() has done: the XML, or that libvirt has the pool.
 */
void rl_new_pool_say(const RlCall *call, const RlNewPool *new, const char *xml, bool restart);
