/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* powercut record FS FILE SEED ONE_IN    tells the story on a disk, and records what is done to
 * that powercut replay FS FILE SEED NUMBER    looks at so many states after a power cut powercut
 * replay FS FILE STATE          looks at that one
 *
 * FS is xfs or btrfs. Before one in ONE_IN of the engine's system calls the kernel writes out of
 * its own accord; with 0 it never does. Needs root, FUSE and loop devices; all it mounts is in a
 * name space of its own. */
#include "disk.h"
#include "follow.h"
#include "judge.h"
#include "states.h"
#include "story.h"

#include "common/fd.h"
#include "model/model.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* After so many losses the rest is only counted. */
#define SHOWN_MAX 5

typedef struct {
    const char *fs;
    char *dir; /* of all that is made, removed at the end */
    char *mount_point, *pool_path;
    Disk *disk;
} World;

/* --- A world of its own */

static char *
make_dir(const char *in, const char *name)
{
    char *path = g_build_filename(in, name, NULL);

    if (mkdir(path, 0700) < 0)
        g_error("cannot make %s: %m", path);
    return path;
}

/* Each call is another boot of the host. Locks and logs go nowhere. */
static void
enter(const char *dir)
{
    g_autofree char *boot = g_build_filename(dir, "boot_id", NULL);
    g_autofree char *id = g_uuid_string_random();

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", "/run", "tmpfs", 0, "mode=755") < 0)
        g_error("no name space of our own: %m");
    if (!g_file_set_contents(boot, id, -1, NULL) ||
        mount(boot, "/proc/sys/kernel/random/boot_id", NULL, MS_BIND, NULL) < 0)
        g_error("no boot of our own: %m");
}

/* xfsprogs makes no smaller XFS. */
static uint64_t
disk_size(const char *fs)
{
    return (strcmp(fs, "xfs") == 0 ? 300 : 128) * MIB;
}

static World
world_open(const char *fs, bool cached)
{
    World world = {.fs = fs, .dir = g_strdup("/tmp/powercut.XXXXXX")};

    if (!g_mkdtemp(world.dir))
        g_error("cannot make %s: %m", world.dir);
    enter(world.dir);
    world.mount_point = make_dir(world.dir, "mnt");
    world.pool_path = g_build_filename(world.mount_point, STORY_POOL, NULL);
    world.disk = disk_new(world.dir, disk_size(fs), cached);
    return world;
}

static void
world_close(World *world)
{
    g_autofree char *boot = g_build_filename(world->dir, "boot_id", NULL);

    disk_free(world->disk);
    umount2("/proc/sys/kernel/random/boot_id", MNT_DETACH);
    unlink(boot);
    rmdir(world->mount_point);
    if (rmdir(world->dir) < 0)
        g_warning("cannot remove %s: %m", world->dir);
    g_free(world->pool_path);
    g_free(world->mount_point);
    g_free(world->dir);
}

/* --- Recording */

/* Metadata once only: a second copy would hide what is missing in the first. */
static void
make_filesystem(const World *world)
{
    g_autofree char *command =
        strcmp(world->fs, "xfs") == 0
            ? g_strdup_printf("mkfs.xfs -q -m reflink=1 %s", disk_device(world->disk))
            : g_strdup_printf("mkfs.btrfs -q -f -m single %s", disk_device(world->disk));
    g_autofree char *notes = NULL, *said = NULL; /* mkfs.btrfs has much to say even so */
    GError *error = NULL;
    int status;

    if (!g_spawn_command_line_sync(command, &notes, &said, &status, &error) ||
        !g_spawn_check_wait_status(status, &error))
        g_error("%s: %s: %s", command, error->message, said ? said : "");
}

/* Writes blocks with flushes between: in the recording they must be so, too. */
static void
check_order(const World *world, FILE *file, const char *path)
{
    rl_autofd int fd = open(disk_device(world->disk), O_RDWR | O_DIRECT | O_CLOEXEC);
    g_autofree char *block = NULL;

    g_assert_cmpint(posix_memalign((void **) &block, 4096, 4096), ==, 0);
    memset(block, 'x', 4096);
    for (off_t i = 0; i < 32; i++) {
        g_assert_cmpint(pwrite(fd, block, 4096, i * 4096), ==, 4096);
        g_assert_cmpint(i % 4 == 3 ? fsync(fd) : 0, ==, 0);
    }
    g_assert_cmpint(fflush(file), ==, 0);

    g_autoptr(Recording) recording = recording_open(path);
    g_assert_cmpuint(recording->epochs->len, ==, 32 / 4 + 1);
    for (guint i = 0; i < 32; i++) {
        const RecordEntry *entry = recording_entry(recording, i);
        g_assert_cmpuint(entry->offset, ==, i * 4096);
        g_assert_cmpuint(recording_epoch(recording, i / 4)->end, ==, i / 4 * 4 + 4);
    }
}

static int
record(const char *fs, const char *path, guint32 seed, guint one_in)
{
    World world = world_open(fs, false);
    FILE *file = fopen(path, "we");

    if (!file)
        g_error("cannot write %s: %m", path);
    disk_record(world.disk, file);
    check_order(&world, file, path);
    make_filesystem(&world);
    if (!disk_mount(world.disk, fs, world.mount_point))
        g_error("cannot mount a new %s: %m", fs);
    story_set_kernel(world.mount_point, one_in, seed);
    story_tell(world.disk, world.mount_point);
    disk_record(world.disk, NULL);
    if (fclose(file) != 0)
        g_error("cannot write %s: %m", path);
    story_set_kernel(NULL, 0, 0);
    disk_unmount(world.mount_point);
    world_close(&world);
    return 0;
}

/* --- Replaying */

typedef struct {
    World world;
    const Recording *recording;
    const Told *told;
    const Judge *judge;
    guint epoch; /* all before it is on the disk */
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

    for (; replay->epoch < state->epoch; replay->epoch++)
        state_build(replay->recording, &(State){.epoch = replay->epoch, .kind = STATE_ALL},
                    disk_bytes(world->disk));
    state_build(replay->recording, state, disk_overlay(world->disk));
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

    replay.world = world_open(fs, true);
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
