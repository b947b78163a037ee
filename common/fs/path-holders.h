/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who holds a file without having it open, so that no lease tells (fcntl(2), F_SETLEASE): a mount
 * of that file alone (mount(8), --bind; a container's volume; BindReadOnlyPaths= of a service), and
 * a descriptor with O_PATH, as a server of files has it, or as open_tree(2) returns it of a mount
 * without a place. Both open the file whenever they want to, by whatever name it has then. */
#pragma once

#include <stdbool.h>

/**
 * rl_file_has_path_holder:
 * True if the file of @fd, which is called @name and has one name, is held so, or if that cannot be
 * told: /proc cannot be read, or the look takes more than five seconds. Looks at the mounts that
 * each thread sees, each mount namespace once, and at the descriptors of each process (proc(5)); so
 * it is for a background process only. Not seen are processes outside of this PID namespace and
 * those below it, a mount namespace that no process is in, the descriptors of a process that this
 * one must not look at (EACCES: it is of another user namespace, or a security module says so), and
 * what a server in the kernel has.
 *
 * The kernel shows what is mounted by the path that it has now (seq_dentry()), also after a
 * renaming; so any mount of a file of that name, in whatever directory, counts.
 */
bool rl_file_has_path_holder(int fd, const char *name);
