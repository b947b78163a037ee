/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of common/ have in common: a pool in a fresh directory of a real file system, and
 * looks at it that need no engine. Everything here ends the test where it fails. */
#pragma once

#include "common/base/error.h"
#include "common/format/file-name.h"
#include "common/format/image-owner.h"
#include "common/operation/start.h"
#include "common/operation/stop.h"
#include "common/pool/volume-state.h"
#include "common/pool/volume.h"

#include <glib.h>
#include <sys/stat.h>

#define KIB ((uint64_t) 1024)
#define MIB (1024 * KIB)

typedef struct {
    const char *fs; /* "xfs", "btrfs", "ext4" or "ext3" */
    bool reflinks;  /* it has them; else the pool copies */
    char *path;     /* of the pool, a directory that is this test's alone */
    RlPool *pool;
} Lab;

typedef void (*LabTest)(Lab *lab);

/* A unit test has this in place of main(): registers its tests, here or with GLib. */
void add_tests(void);

/* Registers @test once for each file system, as @path@FS. */
void lab_add(const char *path, LabTest test);
/* The same, on the file systems named in @only. */
void lab_add_on(const char *path, const char *only, LabTest test);

/* A new directory on the file system @fs, owned by the caller; NULL (and the test is skipped) where
 * there is none. It is removed at the end of the program. */
char *test_dir(const char *fs);

/* Opens the lab's pool once more, for those who take one over. */
RlPool *lab_pool(Lab *lab);
/* Puts other options into force. */
void lab_options(Lab *lab, int keep);

/* Makes a persistent volume of @size bytes: @text, then "clean" data, then a hole. Its clean image
 * is dated a minute back, so that a run that writes nothing can be told. */
void lab_create(Lab *lab, const char *name, const char *text, uint64_t size);
/* Makes a volume of another kind; a direct one with @text. */
void lab_create_kind(Lab *lab, const char *name, RlKind kind, const char *source, const char *text,
                     uint64_t size);

/* Domains: of qemu's driver, but for the last. */
extern const RlDomainRef alice, bob, xen, by_hand;

/* Start and stop that must not fail; stopping must come to @wanted. */
void lab_start(Lab *lab, const char *name, const RlDomainRef *owner);
void lab_stop(Lab *lab, const char *name, const RlDomainRef *owner, RlStop wanted);
/* The same with @flags; what it did is the caller's. */
RlStarted *lab_start_with(Lab *lab, const char *name, const RlDomainRef *owner, RlStartFlags flags);
/* As after a crash of the host: the run on the dirty image is of another boot. */
void lab_crash(Lab *lab, const char *name);
RlState lab_state(Lab *lab, const char *name);
/* The run on the dirty image, which has one; owned by the caller. */
RlImageOwner *lab_run_of(Lab *lab, const char *name);
/* Starts, writes @text at the image's start, stops, maintains. */
void lab_run(Lab *lab, const char *name, const char *text);

/* Start and stop that must fail with that code; the message names the volume and says @words, as
 * rl_says() does. */
void lab_start_fails(Lab *lab, const char *name, const RlDomainRef *owner, int code,
                     const char *words);
void lab_stop_fails(Lab *lab, const char *name, const RlDomainRef *owner, int code,
                    const char *words);

/* Checks @error and frees it: of RL_ERROR with @code, and it says @words, as rl_says() does. */
void take_error(GError *error, int code, const char *words);
/* The same for a failed system call. */
void take_errno(GError *error, int wanted_errno, const char *words);

/* The path of a file below the pool, owned by the caller: of the volume @name the file of that role
 * (CLEAN, DIRTY, PRECACHE, RECORD), or any @relative path. */
char *lab_file(Lab *lab, const char *name, RlFileRole role);
char *lab_path(Lab *lab, const char *relative);
/* A renaming that must fail with that code and those words, and changes nothing. */
void lab_rename_fails(Lab *lab, const char *from, const char *to, int code, const char *words);
/* Opens that file below the pool to read and write, making it, with @flags besides; closed by the
 * caller. */
int lab_open(Lab *lab, const char *relative, int flags);
/* Writes @length bytes that are no zeros to the file @fd, from @start on. */
void lab_fill(int fd, uint64_t start, uint64_t length);

/* Bytes of files; @path is a whole one, as from lab_file(). */
void write_at(const char *path, off_t offset, const char *text);
char *read_at(const char *path, off_t offset, size_t length);
void make_file(const char *path, const char *text);
bool is_there(const char *path);
struct stat look(const char *path);
void set_mtime(const char *path, time_t seconds, long nanoseconds);
void set_size(const char *path, off_t size);
/* True if the data of both begins in the same blocks of the disk. */
bool shares_data(const char *path_a, const char *path_b);

/* The same for a volume's image of that role. */
void image_write(Lab *lab, const char *name, RlFileRole role, const char *text);
void image_is(Lab *lab, const char *name, RlFileRole role, const char *text);
ino_t image_inode(Lab *lab, const char *name, RlFileRole role);
off_t image_size(Lab *lab, const char *name, RlFileRole role);
bool image_is_there(Lab *lab, const char *name, RlFileRole role);
int image_open(Lab *lab, const char *name, RlFileRole role, int flags);
/* Of the dirty image; @value may be NULL: none. */
void image_set_attr(Lab *lab, const char *name, const char *key, const char *value);

/* The names in @path, sorted, with a space between, owned by the caller. Temporary ones show as
 * "LEAF.img~". */
char *list(const char *path);
/* The same for all files and directories below it. */
char *list_tree(const char *path);
#define assert_list(path, wanted)            \
    do {                                     \
        g_autofree char *list_ = list(path); \
        g_assert_cmpstr(list_, ==, wanted);  \
    } while (0)

/* The volume's revisions as "1 2 label", owned by the caller. */
char *revisions(Lab *lab, const char *name);
#define assert_revisions(lab, name, wanted)                 \
    do {                                                    \
        g_autofree char *revisions_ = revisions(lab, name); \
        g_assert_cmpstr(revisions_, ==, wanted);            \
    } while (0)
/* The path of the revision @which ("7", "label"), owned by the caller. */
char *revision_path(Lab *lab, const char *name, const char *which);
void revision_is(Lab *lab, const char *name, const char *which, const char *text);

/* Calls @function in a child process and returns its process id; the child is ready when this
 * returns, and stays until it is killed. */
pid_t child_that_holds(void (*function)(void *), void *data);
void kill_child(pid_t pid);
