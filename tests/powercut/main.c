/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* powercut record FS FILE SEED ONE_IN   tells the story on a disk, and records what happens to it
 * powercut replay FS FILE SEED NUMBER   looks at so many states after a power cut
 * powercut replay FS FILE STATE         looks at that one
 *
 * FS is xfs or btrfs. Before one in ONE_IN of the engine's system calls the kernel writes out of
 * its own accord; with 0 it never does. Needs root, FUSE and loop devices; all it mounts is in a
 * name space of its own. */
#include "disk.h"
#include "follow.h"
#include "judge.h"
#include "states.h"
#include "story.h"

#include "common/base/autofd.h"
#include "harness/model.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* After so many losses the rest is only counted. */
#define SHOWN_MAX 5

typedef struct {
    const char *fs;
    char *mount_point, *pool_path;
    Disk *disk;
} World;

/* --- A world of its own */

static char *
make_dir(const char *path)
{
    if (mkdir(path, 0700) < 0)
        g_error("cannot make %s: %m", path);
    return g_strdup(path);
}

/* Each call is another boot of the host. /run, with locks, what takes logs, and all that is made
 * here, goes with the process. */
static void
enter(void)
{
    g_autofree char *id = g_uuid_string_random();

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", "/run", "tmpfs", 0, "mode=755") < 0)
        g_error("no name space of our own: %m");
    if (!g_file_set_contents("/run/boot_id", id, -1, NULL) ||
        mount("/run/boot_id", "/proc/sys/kernel/random/boot_id", NULL, MS_BIND, NULL) < 0)
        g_error("no boot of our own: %m");
}

/* xfsprogs makes no smaller XFS. */
static uint64_t
disk_size(const char *fs)
{
    return (strcmp(fs, "xfs") == 0 ? 300 : 128) * MIB;
}

static World
world_open(const char *fs, int file, const Recording *recording)
{
    World world = {.fs = fs};

    enter();
    world.mount_point = make_dir("/run/mnt");
    world.pool_path = g_build_filename(world.mount_point, STORY_POOL, NULL);
    world.disk = disk_new("/run", disk_size(fs), file, recording);
    /* What is mounted from here on is not the server's: who is killed last unmounts all, and cannot
     * wait for itself. */
    if (unshare(CLONE_NEWNS) < 0)
        g_error("no name space of our own: %m");
    return world;
}

static void
world_close(World *world)
{
    disk_free(world->disk);
    g_free(world->pool_path);
    g_free(world->mount_point);
}

/* --- Recording */

/* Metadata once only: a second copy would hide what is missing in the first. */
static void
make_filesystem(const World *world)
{
    g_autofree char *command =
        strcmp(world->fs, "xfs") == 0
            ? g_strdup_printf("mkfs.xfs -q -K -m reflink=1 %s", disk_device(world->disk))
            : g_strdup_printf("mkfs.btrfs -q -f -K -m single %s", disk_device(world->disk));
    g_autofree char *notes = NULL, *said = NULL; /* mkfs.btrfs has much to say even so */
    GError *error = NULL;
    int status;

    if (!g_spawn_command_line_sync(command, &notes, &said, &status, &error) ||
        !g_spawn_check_wait_status(status, &error))
        g_error("%s: %s: %s", command, error->message, said ? said : "");
}

/* Writes blocks with flushes between: in the recording they must be so, too. */
static void
check_order(const World *world, const char *path)
{
    rl_autofd int fd = open(disk_device(world->disk), O_RDWR | O_DIRECT | O_CLOEXEC);
    g_autofree char *block = NULL;

    g_assert_cmpint(posix_memalign((void **) &block, 4096, 4096), ==, 0);
    memset(block, 'x', 4096);
    for (off_t i = 0; i < 32; i++) {
        g_assert_cmpint(pwrite(fd, block, 4096, i * 4096), ==, 4096);
        g_assert_cmpint(i % 4 == 3 ? fsync(fd) : 0, ==, 0);
    }

    g_autoptr(Recording) recording = recording_open(path);
    guint first = 0; /* what set the loop device up may have flushed, too */
    while (!recording_epoch(recording, first)->writes->len)
        first++;
    for (guint i = 0; i < 32; i++) {
        g_assert_cmpuint(recording_entry(recording, i)->offset, ==, i * 4096);
        g_assert_cmpuint(recording_epoch(recording, first + i / 4)->end, ==, i / 4 * 4 + 4);
    }
}

static int
record(const char *fs, const char *path, guint32 seed, guint one_in)
{
    rl_autofd int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);

    if (file < 0)
        g_error("cannot write %s: %m", path);
    World world = world_open(fs, file, NULL);
    check_order(&world, path);
    make_filesystem(&world);
    if (!disk_mount(world.disk, fs, world.mount_point))
        g_error("cannot mount a new %s: %m", fs);
    story_set_kernel(world.mount_point, one_in, seed);
    story_tell(world.disk, world.mount_point);
    story_set_kernel(NULL, 0, 0);
    disk_unmount(world.mount_point);
    world_close(&world);
    return EXIT_SUCCESS;
}

/* --- Replaying */

typedef struct {
    World world;
    const Recording *recording;
    const Told *told;
    const Judge *judge;
    guint losses;
} Replay;

/* The flush was the last thing the disk did; but what was done since is lost then, and what has
 * returned since without another flush must be there all the same. */
static guint
epoch_of_judgement(const Replay *replay, const State *state)
{
    guint epoch = state->epoch;

    if (state->kind != STATE_ALL)
        return epoch;
    while (epoch + 1 < replay->recording->epochs->len) {
        epoch++;
        if (recording_epoch(replay->recording, epoch)->writes->len)
            break;
    }
    return epoch;
}

static bool
look_at_mounted(const Replay *replay, guint epoch, GError **error)
{
    return judge_pool(replay->judge, epoch, replay->world.pool_path, error) &&
           follow_on(replay->told, epoch, replay->world.pool_path, error);
}

static bool
look_at_state(Replay *replay, const State *state, guint epoch, GError **error)
{
    const World *world = &replay->world;

    disk_show(world->disk, state);
    if (!disk_mount(world->disk, world->fs, world->mount_point))
        return rl_fail_errno(error, errno, "it does not mount");
    bool sound = look_at_mounted(replay, epoch, error);
    disk_unmount(world->mount_point);
    return sound;
}

static void
replay_state(Replay *replay, const State *state, const char *path)
{
    guint epoch = epoch_of_judgement(replay, state);
    g_autofree char *name = state_name(state), *moment = told_moment(replay->told, epoch);
    g_autoptr(GError) error = NULL;

    if (look_at_state(replay, state, epoch, &error))
        return;
    if (replay->losses++ < SHOWN_MAX)
        printf("LOSS %s (%s): %s\nrepeat it: powercut replay %s %s %s\n", name, moment,
               error->message, replay->world.fs, path, name);
}

static int
replay(const char *fs, const char *path, GArray *(*choose)(const Replay *replay, char **arguments),
       char **arguments)
{
    g_autoptr(Recording) recording = recording_open(path);
    g_autoptr(Told) told = told_new(recording);
    g_autoptr(Judge) judge = judge_new(told);
    Replay replay = {.recording = recording, .told = told, .judge = judge};
    g_autoptr(GArray) states = choose(&replay, arguments);

    printf("%u states to be replayed\n", states->len);
    fflush(stdout);
    replay.world = world_open(fs, -1, recording);
    for (guint i = 0; i < states->len; i++)
        replay_state(&replay, &g_array_index(states, State, i), path);
    world_close(&replay.world);
    printf("%u states replayed on %s, %u losses\n", states->len, fs, replay.losses);
    return states->len && !replay.losses ? EXIT_SUCCESS : EXIT_FAILURE;
}

static GArray *
choose_many(const Replay *replay, char **arguments)
{
    return states_choose(replay->recording, told_first_epoch(replay->told),
                         (guint) atoi(arguments[1]), (guint32) atoi(arguments[0]));
}

static GArray *
choose_one(const Replay *replay, char **arguments)
{
    GArray *states = g_array_new(FALSE, TRUE, sizeof(State));
    State state;

    if (!state_parse(arguments[0], &state) || state.epoch >= replay->recording->epochs->len)
        g_error("there is no state %s", arguments[0]);
    g_array_append_val(states, state);
    return states;
}

int
main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "record") == 0)
        return record(argv[2], argv[3], (guint32) atoi(argv[4]), (guint) atoi(argv[5]));
    if (argc == 6 && strcmp(argv[1], "replay") == 0)
        return replay(argv[2], argv[3], choose_many, argv + 4);
    if (argc == 5 && strcmp(argv[1], "replay") == 0)
        return replay(argv[2], argv[3], choose_one, argv + 4);
    fprintf(stderr, "usage: see main.c\n");
    return 2;
}
