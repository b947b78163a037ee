/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "disk.h"

#define FUSE_USE_VERSION 35
#include <fuse.h>

#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

struct Disk {
    uint64_t size;
    char *bytes;
    char *overlay; /* a private mapping of them: the kernel copies a page when it is written to */
    bool overlaid; /* reads and writes go there */
    bool cached;   /* the kernel may keep what it reads */

    GMutex lock; /* of the recording: the disk's thread writes to it, and who sets marks */
    FILE *file;  /* NULL where nothing is recorded */

    char *served; /* the file's path */
    struct fuse *fuse;
    GThread *thread;
    char *device;
    int device_fd; /* open as long as the disk is there: the kernel frees the device with it */
};

static Disk *
served_disk(void)
{
    return fuse_get_context()->private_data;
}

static void
record(Disk *disk, RecordType type, uint64_t offset, uint64_t length, const void *data)
{
    g_mutex_lock(&disk->lock);
    if (disk->file)
        record_append(disk->file, type, offset, length, data);
    g_mutex_unlock(&disk->lock);
}

static char *
window(Disk *disk)
{
    return disk->overlaid ? disk->overlay : disk->bytes;
}

/* --- The file */

static int
serve_getattr(const char *path, struct stat *st, struct fuse_file_info *info)
{
    (void) info;
    if (strcmp(path, "/") != 0)
        return -ENOENT;
    st->st_mode = S_IFREG | 0600;
    st->st_nlink = 1;
    st->st_size = (off_t) served_disk()->size;
    return 0;
}

/* With direct_io the kernel keeps no pages of the file: what comes here is all there is. Without,
 * it reads ahead, and an open makes it forget what it has read. Writes come here at once in both
 * cases.
 */
static int
serve_open(const char *path, struct fuse_file_info *info)
{
    (void) path;
    info->direct_io = !served_disk()->cached;
    return 0;
}

static int
serve_read(const char *path, char *data, size_t length, off_t offset, struct fuse_file_info *info)
{
    Disk *disk = served_disk();

    (void) path, (void) info;
    if ((uint64_t) offset >= disk->size)
        return 0;
    length = MIN(length, disk->size - (uint64_t) offset);
    memcpy(data, window(disk) + offset, length);
    return (int) length;
}

static bool
is_zero(const char *data, size_t length)
{
    return length == 0 || (data[0] == 0 && memcmp(data, data + 1, length - 1) == 0);
}

static int
serve_write(const char *path, const char *data, size_t length, off_t offset,
            struct fuse_file_info *info)
{
    Disk *disk = served_disk();

    (void) path, (void) info;
    if ((uint64_t) offset + length > disk->size)
        return -ENOSPC;
    memcpy(window(disk) + offset, data, length);
    record(disk, is_zero(data, length) ? RECORD_ZERO : RECORD_WRITE, (uint64_t) offset, length,
           data);
    return (int) length;
}

static int
serve_fallocate(const char *path, int mode, off_t offset, off_t length, struct fuse_file_info *info)
{
    Disk *disk = served_disk();

    (void) path, (void) info;
    if (!(mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)))
        return -EOPNOTSUPP;
    if ((uint64_t) (offset + length) > disk->size)
        return -ENOSPC;
    memset(window(disk) + offset, 0, (size_t) length);
    record(disk, RECORD_ZERO, (uint64_t) offset, (uint64_t) length, NULL);
    return 0;
}

static int
serve_fsync(const char *path, int datasync, struct fuse_file_info *info)
{
    (void) path, (void) datasync, (void) info;
    record(served_disk(), RECORD_FLUSH, 0, 0, NULL);
    return 0;
}

static const struct fuse_operations operations = {
    .getattr = serve_getattr,
    .open = serve_open,
    .read = serve_read,
    .write = serve_write,
    .fallocate = serve_fallocate,
    .fsync = serve_fsync,
};

/* One thread: what comes is done and recorded in one order. */
static gpointer
serve(gpointer data)
{
    fuse_loop(((Disk *) data)->fuse);
    return NULL;
}

static void
begin_to_serve(Disk *disk)
{
    char *arguments[] = {"powercut", NULL};
    struct fuse_args args = FUSE_ARGS_INIT(1, arguments);

    disk->fuse = fuse_new(&args, &operations, sizeof(operations), disk);
    if (!disk->fuse || fuse_mount(disk->fuse, disk->served) != 0)
        g_error("cannot serve a file by FUSE");
    disk->thread = g_thread_new("disk", serve, disk);
    fuse_opt_free_args(&args);
}

/* --- The loop device */

/* It is freed with its last user, however that ends. Without direct I/O it does one thing after the
 * other, in the order in which the file system asked for it. */
static void
attach(Disk *disk)
{
    rl_autofd int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    rl_autofd int file = open(disk->served, O_RDWR | O_CLOEXEC);
    struct loop_config config = {.fd = (uint32_t) file, .info.lo_flags = LO_FLAGS_AUTOCLEAR};

    if (control < 0 || file < 0)
        g_error("cannot set up a loop device: %m");
    for (int i = 0; i < 100; i++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        g_autofree char *path = g_strdup_printf("/dev/loop%d", number);
        rl_autofd int fd = number < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
        if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config) == 0) {
            disk->device = g_steal_pointer(&path);
            disk->device_fd = rl_fd_steal(&fd);
            return;
        }
        if (errno != EBUSY) /* somebody else was faster */
            g_error("cannot set up a loop device: %m");
    }
    g_error("cannot set up a loop device: all are taken by others");
}

/* --- The disk */

Disk *
disk_new(const char *dir, uint64_t size, bool cached)
{
    Disk *disk = g_new0(Disk, 1);
    rl_autofd int memory = memfd_create("disk", MFD_CLOEXEC);

    if (memory < 0 || ftruncate(memory, (off_t) size) < 0)
        g_error("no memory for a disk: %m");
    disk->size = size;
    disk->cached = cached;
    disk->bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    disk->overlay = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, memory, 0);
    if (disk->bytes == MAP_FAILED || disk->overlay == MAP_FAILED)
        g_error("no memory for a disk: %m");
    g_mutex_init(&disk->lock);
    disk->served = g_build_filename(dir, "disk", NULL);
    if (!g_file_set_contents(disk->served, "", 0, NULL))
        g_error("cannot make %s", disk->served);
    begin_to_serve(disk);
    attach(disk);
    return disk;
}

void
disk_free(Disk *disk)
{
    if (!disk)
        return;
    close(disk->device_fd);
    fuse_exit(disk->fuse);
    fuse_unmount(disk->fuse);
    g_thread_join(disk->thread);
    fuse_destroy(disk->fuse);
    unlink(disk->served);
    munmap(disk->bytes, disk->size);
    munmap(disk->overlay, disk->size);
    g_mutex_clear(&disk->lock);
    g_free(disk->served);
    g_free(disk->device);
    g_free(disk);
}

const char *
disk_device(const Disk *disk)
{
    return disk->device;
}

void
disk_record(Disk *disk, FILE *file)
{
    g_mutex_lock(&disk->lock);
    disk->file = file;
    g_mutex_unlock(&disk->lock);
}

void
disk_mark(Disk *disk, const char *text)
{
    record(disk, RECORD_MARK, 0, strlen(text) + 1, text);
}

char *
disk_bytes(Disk *disk)
{
    return disk->bytes;
}

char *
disk_overlay(Disk *disk)
{
    disk->overlaid = true;
    if (madvise(disk->overlay, disk->size, MADV_DONTNEED) < 0)
        g_error("cannot begin the overlay anew: %m");
    return disk->overlay;
}

/* What the kernel remembers of the device's content is of another state: its pages, and for btrfs
 * how new the file system was there. */
static void
make_kernel_forget(const Disk *disk, const char *fs)
{
    rl_autofd int file = open(disk->served, O_RDONLY | O_CLOEXEC);

    if (file < 0 || ioctl(disk->device_fd, BLKFLSBUF) < 0)
        g_error("cannot flush %s: %m", disk->device);
    if (strcmp(fs, "btrfs") != 0)
        return;
    rl_autofd int control = open("/dev/btrfs-control", O_RDWR | O_CLOEXEC);
    struct btrfs_ioctl_vol_args args = {0};
    g_strlcpy(args.name, disk->device, sizeof(args.name));
    if (control >= 0)
        ioctl(control, BTRFS_IOC_FORGET_DEV, &args); /* ENOENT where it knows nothing */
}

bool
disk_mount(Disk *disk, const char *fs, const char *at)
{
    make_kernel_forget(disk, fs);
    return mount(disk->device, at, fs, MS_NOATIME, "") == 0;
}

void
disk_unmount(const char *at)
{
    for (int i = 0; i < 100; i++) {
        if (umount2(at, 0) == 0)
            return;
        if (errno != EBUSY)
            break;
        g_usleep(20 * 1000);
    }
    g_error("cannot unmount %s: %m", at);
}
