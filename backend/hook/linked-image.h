/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is no image of a pool by its path may be one by another: a copy of hard links (cp -al), as
 * backups make them, has a pool's own images. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * rl_linked_image_look:
 * Says in *@ret_is whether the file that @path leads to is a pool's image by another name: a
 * regular file with several names that has an attribute of ours, or is an image in a reflink pool
 * that libvirt knows (one that was copied into it, and never used, has no attribute). A file with
 * one name costs one system call. The pools on the file system of one with several are gone
 * through, but not what is mounted in them. What is not there is none. False with @error where it
 * cannot be told.
 */
bool rl_linked_image_look(const char *path, bool *ret_is, GError **error);
