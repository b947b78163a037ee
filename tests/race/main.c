/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* race-operations DIRECTORY: races in a new pool there, in rounds; each ends with a quiet moment in
 * which all that was written down is checked.
 *
 * RACE_OPERATIONS says how many operations in all, RACE_SEED where chance begins. */
#include "check.h"
#include "race.h"

#include "common/base/autofd.h"
#include "harness/model.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define ROUND 1500
/* A process that does not end by then hangs. */
#define ROUND_SECONDS 120

Shared *shared;
const char *pool_path;

static pid_t pids[SLOTS];
static uint64_t n_killed, n_processes, n_operations, n_acquisitions, n_clones;
static uint64_t pairs[LOCKS][LOCKS];

static void G_GNUC_NORETURN G_GNUC_PRINTF(1, 2) fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "FAILED: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}

static void
begin_process(int slot)
{
    guint32 seed = g_random_int();

    fflush(NULL);
    pids[slot] = fork();
    if (pids[slot] < 0)
        fail("cannot fork: %s", strerror(errno));
    if (pids[slot] == 0)
        child_run(slot, seed);
    n_processes++;
}

/* Its guests are gone with it, and who edits an image; until @alive they surely had their images.
 */
static void
close_guests(int slot, uint64_t alive)
{
    for (int i = 0; i < shared->slots[slot].n_ops; i++) {
        Op *op = &shared->slots[slot].ops[i];
        bool opens = (op->kind == OP_OPEN && op->there) || op->kind == OP_EDIT;
        if (opens && op->closed == 0)
            op->closed = alive;
        if (opens && op->gone == 0)
            op->gone = stamp();
    }
}

static void
kill_process(int slot)
{
    uint64_t alive = stamp();

    /* It may have come to its end. */
    kill(pids[slot], SIGKILL);
    waitpid(pids[slot], NULL, 0);
    close_guests(slot, alive);
    n_killed++;
    begin_process(slot);
}

/* True if the process has ended by itself. */
static bool
has_ended(int slot)
{
    int status;

    if (waitpid(pids[slot], &status, WNOHANG) == 0)
        return false;
    if (*shared->slots[slot].broken)
        fail("%s", shared->slots[slot].broken);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail("a process ended with status %#x, in a %s of %s", status,
             op_name(shared->slots[slot].ops[shared->slots[slot].n_ops - 1].kind),
             volume_names[shared->slots[slot].ops[shared->slots[slot].n_ops - 1].volume]);
    pids[slot] = 0;
    const Slot *mine = &shared->slots[slot];
    close_guests(slot, mine->n_ops ? mine->ops[mine->n_ops - 1].end : 0);
    return true;
}

static void
run_processes(int n, int operations)
{
    gint64 deadline = g_get_monotonic_time() + (gint64) ROUND_SECONDS * G_USEC_PER_SEC;
    int left = n;

    atomic_store(&shared->quota, operations);
    for (int i = 0; i < n; i++)
        begin_process(i);
    while (left > 0) {
        g_usleep((gulong) g_random_int_range(2, 30) * 1000);
        for (int i = 0; i < n; i++)
            left -= pids[i] && has_ended(i);
        int slot = g_random_int_range(0, n);
        if (pids[slot] && atomic_load(&shared->quota) > 0 && g_random_int_range(0, 100) < 40)
            kill_process(slot);
        if (g_get_monotonic_time() > deadline)
            fail("the processes have not come to their end in %d s", ROUND_SECONDS);
    }
}

/* When nobody has a revision open any more, those that are too many are gone. */
static void
check_pruned(const RlPool *pool)
{
    for (int i = 0; i < VOLUMES; i++) {
        g_autoptr(RlVolume) volume = rl_volume_open(pool, volume_names[i], NULL);
        g_autoptr(GPtrArray) revisions = NULL;
        int n = 0;

        if (!volume || volume->kind != RL_KIND_PERSISTENT || !volume->clean.there)
            continue;
        revisions = rl_revisions_list(volume->dir, volume->name->leaf, NULL);
        for (guint j = 0; revisions && j < revisions->len; j++) {
            const RlRevision *revision = g_ptr_array_index(revisions, j);
            n += !revision->label && revision->st.st_ino != volume->clean.st.st_ino;
        }
        if (n > volume_keep[i])
            fail("'%s' has %d automatic revisions after all was put in order", volume_names[i], n);
    }
}

/* Only what is of a volume that is gone, and that somebody has named or may want, may be left. */
static void
check_disk(void)
{
    g_autoptr(RlPool) pool = open_pool();
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) leftovers = NULL;

    if (!rl_model_check(pool, 0, &error) || !(leftovers = rl_model_leftovers(pool, &error)))
        fail("the pool after a round: %s", error->message);
    for (guint i = 0; i < leftovers->len; i++) {
        const char *file = g_ptr_array_index(leftovers, i);
        if (!strstr(file, ".img.") && !g_str_has_suffix(file, ".volume.xml"))
            fail("'%s' is left after all was put in order", file);
    }
    check_pruned(pool);
}

static void
count(void)
{
    for (int i = 0; i < SLOTS; i++) {
        Slot *slot = &shared->slots[i];
        n_operations += (uint64_t) slot->n_ops;
        n_acquisitions += slot->acquisitions;
        n_clones += slot->clones;
        for (int j = 0; j < LOCKS; j++)
            for (int k = 0; k < LOCKS; k++)
                pairs[j][k] += slot->pairs[j][k];
        memset(slot, 0, offsetof(Slot, ops));
    }
}

static void
run_round(int n, int operations)
{
    run_processes(n, operations);
    quiet_run(0);
    check_round();
    check_disk();
    count();
}

/* The order in which locks are taken: that of maintenance comes before the volume's, and of one
 * kind the names are in their order. Then no circle of processes can wait for one another. */
static bool
is_sorted(int held, int wanted)
{
    bool held_is_volume = held < VOLUMES, wanted_is_volume = wanted < VOLUMES;

    if (held_is_volume != wanted_is_volume)
        return wanted_is_volume;
    return strcmp(volume_names[held % VOLUMES], volume_names[wanted % VOLUMES]) < 0;
}

static void
check_locks(const char *fs)
{
    uint64_t n = 0;
    int kinds = 0;

    for (int i = 0; i < LOCKS; i++)
        for (int j = 0; j < LOCKS; j++) {
            if (!pairs[i][j])
                continue;
            n += pairs[i][j];
            kinds++;
            if (!is_sorted(i, j))
                fail("the lock of %s%s was waited for with that of %s%s", volume_names[j % VOLUMES],
                     j < VOLUMES ? "" : " (maintenance)", volume_names[i % VOLUMES],
                     i < VOLUMES ? "" : " (maintenance)");
        }
    printf("# %lu locks taken on %s, %lu of them with another one held, in %d pairs, all in order; "
           "%lu clones, none with a volume's lock\n",
           n_acquisitions, fs, n, kinds, n_clones);
    if (n_acquisitions == 0 || n == 0 || n_clones == 0)
        fail("nothing was locked, or cloned");
}

static void
print_counts(void)
{
    printf("# done/refused/cut off:");
    for (int i = 0; i < OP_KINDS; i++)
        printf(" %s %lu/%lu/%lu", op_name((OpKind) i), counted[i][true], counted[i][false],
               counted[i][2]);
    printf("\n");
    for (int i = 0; i < OP_KINDS; i++)
        if (n_operations > 10000 && counted[i][true] == 0)
            fail("no %s was ever done", op_name((OpKind) i));
}

static long
number_of(const char *variable, long otherwise)
{
    const char *text = getenv(variable);

    return text && *text ? strtol(text, NULL, 10) : otherwise;
}

int
main(int argc, char **argv)
{
    const char *fs = getenv("FS") ? getenv("FS") : "this file system";
    guint32 seed = (guint32) number_of("RACE_SEED", (long) g_random_int_range(1, G_MAXINT32));
    uint64_t wanted = (uint64_t) number_of("RACE_OPERATIONS", 60000);
    gint64 begin = g_get_monotonic_time();

    if (argc != 2)
        fail("usage: race-operations DIRECTORY");
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("# RACE_SEED=%u RACE_OPERATIONS=%lu\n", seed, wanted);
    g_random_set_seed(seed);
    pool_path = g_build_filename(argv[1], "pool", NULL);
    shared = mmap(NULL, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        fail("no memory");
    watch_begin(-1);
    make_pool(pool_path);
    check_begin();
    for (int round = 0; n_operations < wanted; round++)
        run_round(2 + round % (SLOTS - 1), ROUND);

    print_counts();
    check_locks(fs);
    printf(
        "# %lu operations raced on %s, by %lu processes of which %lu were killed; %lu steps with "
        "a lock checked, %lu of them cut off; %.0f s\n",
        n_operations, fs, n_processes, n_killed, checked_sections, cut_sections,
        (double) (g_get_monotonic_time() - begin) / G_USEC_PER_SEC);
    return n_killed > 0 && cut_sections > 0 ? 0 : 1;
}
