/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs */
/* A start and a stop read each attribute of an image at most once while they have the lock: nothing
 * changes it meanwhile. */
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/operation/start.h"
#include "common/operation/stop.h"
#include "harness/lab.h"

#define V "a/b/private"

/* What is noted on a clean image for those who read it has a lock of its own (reader.h). */
#define OF_READERS "trusted.libvirt-reflink.access"

/* How often each was read since the lock was taken, by inode and name. */
static GHashTable *reads;

/* In place of the C library's, for all that is linked into this program. */
ssize_t
fgetxattr(int fd, const char *name, void *value, size_t size)
{
    struct stat st;

    if (reads && strcmp(name, OF_READERS) != 0 && fstat(fd, &st) == 0) {
        char *key = g_strdup_printf("%s of %lu", name, (unsigned long) st.st_ino);
        guint before = GPOINTER_TO_UINT(g_hash_table_lookup(reads, key));
        g_hash_table_replace(reads, key, GUINT_TO_POINTER(before + 1));
    }
    return syscall(SYS_fgetxattr, fd, name, value, size);
}

int
flock(int fd, int operation)
{
    int rc = (int) syscall(SYS_flock, fd, operation);

    if (reads && rc == 0 && (operation & LOCK_EX))
        g_hash_table_remove_all(reads);
    return rc;
}

static void
begin(void)
{
    reads = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

/* Something was read, and nothing twice. */
static void
check(const char *what)
{
    g_autoptr(GHashTable) all = g_steal_pointer(&reads);
    GHashTableIter iter;
    gpointer key, count;
    bool good = true;

    g_assert_cmpuint(g_hash_table_size(all), >, 0);
    g_hash_table_iter_init(&iter, all);
    while (g_hash_table_iter_next(&iter, &key, &count)) {
        if (GPOINTER_TO_UINT(count) == 1)
            continue;
        g_test_message("%s: %s was read %u times", what, (const char *) key,
                       GPOINTER_TO_UINT(count));
        good = false;
    }
    if (!good)
        g_test_fail();
}

static void
start(Lab *lab, const char *name, const RlDomainRef *owner, RlStartFlags flags, const char *what)
{
    begin();
    rl_started_free(lab_start_with(lab, name, owner, flags));
    check(what);
}

static void
stop(Lab *lab, const char *name, const RlDomainRef *owner, RlStop wanted, const char *what)
{
    begin();
    lab_stop(lab, name, owner, wanted);
    check(what);
}

static void
test_persistent(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_run(lab, V, "two"); /* with a revision, and a precache */
    start(lab, V, &alice, 0, "a start with a precache");
    image_write(lab, V, RL_FILE_DIRTY, "three");
    lab_crash(lab, V);
    start(lab, V, &alice, 0, "a start that goes on");
    stop(lab, V, &alice, RL_STOP_COMMITTED, "a commit");
    start(lab, V, &alice, 0, "a start that makes an image");
    image_write(lab, V, RL_FILE_DIRTY, "four");
    stop(lab, V, &alice, RL_STOP_COMMITTED, "a second commit");
    start(lab, V, &alice, RL_START_READONLY, "a start that only reads");
    start(lab, V, &bob, RL_START_READONLY, "one that shares");
    stop(lab, V, &bob, RL_STOP_DROPPED, "a stop of what was only read");
}

static void
test_other_kinds(Lab *lab)
{
    lab_create(lab, V, "one", MIB);
    lab_create_kind(lab, "a/snapshot", RL_KIND_SNAPSHOT, V, NULL, 0);
    lab_create_kind(lab, "a/direct", RL_KIND_DIRECT, NULL, "one", MIB);
    start(lab, "a/snapshot", &alice, 0, "a start of a snapshot");
    image_write(lab, "a/snapshot", RL_FILE_DIRTY, "two");
    stop(lab, "a/snapshot", &alice, RL_STOP_DROPPED, "a stop of a snapshot");
    start(lab, "a/direct", &alice, 0, "a start of a direct volume");
    image_write(lab, "a/direct", RL_FILE_DIRTY, "two");
    stop(lab, "a/direct", &alice, RL_STOP_RETURNED, "a stop of a direct volume");
}

void
add_tests(void)
{
    lab_add("/asked-once/persistent", test_persistent);
    lab_add("/asked-once/other-kinds", test_other_kinds);
}
