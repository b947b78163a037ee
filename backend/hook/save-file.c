/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "save-file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calling-daemon.h"
#include "calling-thread.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/file-name.h"
#include "common/fs/dirfd.h"
#include "common/fs/inode.h"
#include "common/pool/pool.h"
#include "daemon-version.h"
#include "managed-save.h"
#include "saved-memory.h"
#include "xml/domain.h"

/* What both drivers' headers begin with: src/libxl/libxl_conf.h, src/qemu/qemu_saveimage.h. The
 * XML stands behind the whole of it. */
#define MAGIC_SIZE 16
/* What qemu's file has behind the XML is far shorter than that may be. */
#define TEXT_MAX (2 * RL_DOMAIN_SIZE_MAX)
/* What libvirt has a save file read with that is to bypass the host's cache; "/proc" cuts it off.
 */
#define READER "libvirt_iohelpe"
#define LIBXL_SAVE_SUFFIX ".save"
/* The device models' user's, with its directory of managed save files. */
#define QEMU_DIR "/var/lib/libvirt/qemu/"
/* What the kernel puts behind the path of a file that has its name no more. */
#define GONE " (deleted)"

typedef struct {
    char magic[MAGIC_SIZE];
    uint32_t version;
    uint32_t xml_size; /* qemu: with the NUL, and what is behind that */
} Header;

G_STATIC_ASSERT(sizeof(Header) == 24);

static const struct {
    char magic[MAGIC_SIZE + 1];
    size_t header_size;
} drivers[] = {
    [RL_SAVE_FILE_LIBXL] = {"libvirt-xml\n \0 \r", 64},
    [RL_SAVE_FILE_QEMU] = {"LibvirtQemudSave", 92},
};

/* The UUID of the domain that the save file @fd holds, owned by the caller; NULL where that is no
 * whole one. */
static char *
read_uuid(int fd, RlSaveFileDriver driver)
{
    size_t header_size = drivers[driver].header_size;
    Header header;

    if (pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
        memcmp(header.magic, drivers[driver].magic, MAGIC_SIZE) != 0 || header.xml_size > TEXT_MAX)
        return NULL;

    g_autofree char *text = g_malloc(header.xml_size + 1);
    ssize_t n = pread(fd, text, header.xml_size, (off_t) header_size);
    if (n != (ssize_t) header.xml_size)
        return NULL;
    /* The length may count a final NUL. */
    size_t length = strnlen(text, (size_t) n);
    g_autoptr(RlDomain) domain = rl_xml_domain_parse(text, length, "save file", NULL);
    return domain ? g_strdup(domain->uuid) : NULL;
}

/* What is in the save file @fd, which holds a domain; owned by the caller. */
static RlMemory *
read_memory(int fd, RlSaveFileDriver driver, const char *path)
{
    Header header = {0};

    if (pread(fd, &header, sizeof(header), 0) != sizeof(header))
        header.xml_size = 0;
    return rl_memory_read(fd, path, (off_t) (drivers[driver].header_size + header.xml_size));
}

/* The directory may be the device models' user's: what is no regular file there, or is replaced
 * while we look, is not opened. */
static int
open_regular(const char *path, GError **error)
{
    g_autofree char *dir_path = g_path_get_dirname(path), *name = g_path_get_basename(path);
    rl_autofd int dir = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir >= 0)
        return rl_dirfd_open_file(dir, name, O_RDONLY, error);
    rl_fail_errno(error, errno, "cannot open directory '%s'", dir_path);
    return -1;
}

RlMemory *
rl_save_file_read(const char *path, RlSaveFileDriver driver, const char *uuid)
{
    g_autoptr(GError) error = NULL;
    rl_autofd int fd = open_regular(path, &error);

    if (fd < 0)
        rl_log_warning("'%s' is not read as a domain's save file: %s", path, error->message);
    g_autofree char *held = fd < 0 ? NULL : read_uuid(fd, driver);
    if (g_strcmp0(held, uuid) != 0)
        return NULL;
    return read_memory(fd, driver, path);
}

/* The flags that the process @parent opened its descriptor @number with; -1 where that cannot be
 * told. */
static int
open_flags(int parent, const char *number)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fdinfo/%s", parent, number);
    g_autofree char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return -1;
    const char *flags = strstr(text, "flags:");
    return flags ? (int) strtol(flags + strlen("flags:"), NULL, 8) : -1;
}

bool
rl_save_file_is_managed(const char *file)
{
    g_autofree char *dir = g_path_get_dirname(file), *managed = realpath(RL_LIBXL_SAVE_DIR, NULL);

    return managed && strcmp(dir, managed) == 0;
}

/* The path of an open file, owned by the caller: where it has its name no more, the one that it
 * had. */
static char *
read_path(const char *link)
{
    char *path = g_file_read_link(link, NULL);

    if (path && g_str_has_suffix(path, GONE))
        path[strlen(path) - strlen(GONE)] = '\0';
    return path;
}

/* libvirt's libxl driver removes the managed save file that it has opened before it starts the
 * domain. An image that is being made has a number for its name. */
static bool
is_removed_save(const char *path)
{
    return g_str_has_suffix(path, LIBXL_SAVE_SUFFIX) && rl_save_file_is_managed(path);
}

/* An image that a guest wrote may begin like a save file, and the daemon may be just streaming it:
 * what has or had an image's name in a pool is not read, nor what has no name (any more) and was no
 * managed save file. False where that cannot be told: somebody may have put a marker beside save
 * files. */
static bool
is_image(const char *path, const struct stat *st, bool *ret_is)
{
    g_autofree char *root = NULL, *inside = NULL, *file = g_path_get_basename(path);

    *ret_is = st->st_nlink == 0 && !is_removed_save(path);
    if (*ret_is || rl_file_name_parse(file).role == RL_FILE_OTHER)
        return true;
    bool told = rl_pool_find(path, &root, &inside, NULL);
    *ret_is = root && rl_pool_has_marker(root);
    return told && (!root || *ret_is);
}

/* What the daemon reads, and is not known for the domain's save file: the device models' user can
 * have removed, renamed or changed that since the daemon opened it, if it is his, or lies where he
 * may change names. What root alone has written (daemon-version.h), and has its name, is what it
 * was: another domain's save file (@is_save), or none. */
static RlSaveFile
not_recognised(RlSaveFileDriver driver, const char *path, const struct stat *st, int flags,
               bool is_save)
{
    bool reads = flags >= 0 && (flags & O_ACCMODE) == O_RDONLY;
    bool is_roots = st->st_uid == 0 && st->st_nlink == 1;
    bool is_known = is_roots && (is_save || !g_str_has_prefix(path, QEMU_DIR));

    if (driver != RL_SAVE_FILE_QEMU || !reads ||
        (is_known && rl_daemon_saves_through_pipe(rl_calling_daemon_pid())))
        return RL_SAVE_FILE_NONE;
    rl_log_info("libvirt's daemon reads '%s', which may have been a save file", path);
    return RL_SAVE_FILE_DOUBT;
}

/* One search. */
typedef struct {
    RlSaveFileDriver driver;
    const char *uuid;
    RlMemory *memory; /* of the file that the answer is about */
    RlSaveFile of;    /* and what it is; NONE without one */
    struct stat st;
    bool several; /* there is another one that is the same */
    bool beside;  /* there is one of which it is not told whether it is */
} Search;

static void
search_clear(Search *search)
{
    g_clear_pointer(&search->memory, rl_memory_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Search, search_clear)

/* The open file @fd with the status @st is a save file of the domain, which the answer @found says.
 */
static void
take(Search *search, RlSaveFile found, int fd, const char *path, const struct stat *st)
{
    search->several = found == search->of && (search->several || !rl_stat_same(&search->st, st));
    if (found <= search->of)
        return;
    search_clear(search);
    search->memory = read_memory(fd, search->driver, path);
    search->of = found;
    search->st = *st;
}

/* What the daemon reads, and what is not read here: an image of a pool, or a block device. libvirt
 * can save a domain to either. */
static RlSaveFile
not_read(const Search *search, const char *path, int flags)
{
    if (search->driver != RL_SAVE_FILE_QEMU || flags < 0 || (flags & O_ACCMODE) != O_RDONLY)
        return RL_SAVE_FILE_NONE;
    rl_log_info("libvirt's daemon reads '%s', which may be a save file", path);
    return RL_SAVE_FILE_DOUBT;
}

static RlSaveFile
look_at(int pid, const char *number, Search *search)
{
    g_autofree char *link = g_strdup_printf("/proc/%d/fd/%s", pid, number);
    g_autofree char *path = read_path(link);
    RlSaveFileDriver driver = search->driver;
    struct stat st;
    bool image;

    /* Sockets, pipes and the like have no path. */
    if (!path || path[0] != '/' || stat(link, &st) < 0)
        return RL_SAVE_FILE_NONE;
    if (S_ISBLK(st.st_mode))
        return not_read(search, path, open_flags(pid, number));
    if (!S_ISREG(st.st_mode))
        return RL_SAVE_FILE_NONE;
    bool told = is_image(path, &st, &image);
    int flags = open_flags(pid, number);
    if (told && image && st.st_nlink > 0)
        return not_read(search, path, flags);
    if (told && image)
        return not_recognised(driver, path, &st, flags, false);

    bool writes = (flags & O_ACCMODE) != O_RDONLY;
    /* Somebody edits it: that is no restore. */
    if (driver == RL_SAVE_FILE_QEMU && writes)
        return RL_SAVE_FILE_NONE;
    rl_autofd int fd = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    /* A file on a network may be the daemon's to read, and not root's. */
    if (fd < 0 && driver == RL_SAVE_FILE_QEMU && (errno == EACCES || errno == EPERM))
        return RL_SAVE_FILE_UNKNOWN;
    g_autofree char *held = fd < 0 ? NULL : read_uuid(fd, driver);
    if (flags < 0 || g_strcmp0(held, search->uuid) != 0)
        return not_recognised(driver, path, &st, flags, held != NULL);
    if (!told)
        return RL_SAVE_FILE_UNKNOWN;
    RlSaveFile found = writes ? RL_SAVE_FILE_WRITTEN : RL_SAVE_FILE_READ;
    take(search, found, fd, path, &st);
    return found;
}

/* Looks through the open files of the process @pid. */
static RlSaveFile
look_through(int pid, Search *search)
{
    g_autofree char *dir = g_strdup_printf("/proc/%d/fd", pid);
    g_autoptr(GDir) numbers = g_dir_open(dir, 0, NULL);
    RlSaveFile answer = numbers ? RL_SAVE_FILE_NONE : RL_SAVE_FILE_UNKNOWN;
    const char *number;

    while (numbers && (number = g_dir_read_name(numbers))) {
        RlSaveFile found = look_at(pid, number, search);
        search->beside |= found == RL_SAVE_FILE_DOUBT || found == RL_SAVE_FILE_UNKNOWN;
        answer = MAX(answer, found);
    }
    return answer;
}

/* The process @pid that the daemon has begun: does it read the save file for it? */
static RlSaveFile
look_at_child(int pid, Search *search)
{
    g_autofree char *comm = g_strdup_printf("/proc/%d/comm", pid);
    g_autofree char *exe = g_strdup_printf("/proc/%d/exe", pid);
    g_autofree char *name = NULL, *program = g_file_read_link(exe, NULL);

    if (!g_file_get_contents(comm, &name, NULL, NULL) || !g_str_has_prefix(name, READER))
        return RL_SAVE_FILE_NONE;
    if (program)
        return look_through(pid, search);
    /* What has ended, and not been waited for, has read a short file to its end. */
    search->beside = true;
    return RL_SAVE_FILE_UNKNOWN;
}

/* Looks at the processes that the thread @thread of @parent has begun. */
static RlSaveFile
look_at_children(int parent, const char *thread, Search *search)
{
    g_auto(GStrv) pids = rl_thread_children(parent, thread);
    RlSaveFile answer = RL_SAVE_FILE_NONE;

    /* The thread has ended, or the kernel does not tell. */
    if (!pids)
        return access("/proc/thread-self/children", R_OK) == 0 ? RL_SAVE_FILE_NONE
                                                               : RL_SAVE_FILE_UNKNOWN;
    for (char **pid = pids; *pid; pid++)
        answer = MAX(answer, look_at_child(atoi(*pid), search));
    return answer;
}

/* With --bypass-cache another program reads the file for the daemon @parent. */
static RlSaveFile
look_at_readers(int parent, Search *search)
{
    g_autofree char *dir = g_strdup_printf("/proc/%d/task", parent);
    g_autoptr(GDir) threads = g_dir_open(dir, 0, NULL);
    RlSaveFile answer = threads ? RL_SAVE_FILE_NONE : RL_SAVE_FILE_UNKNOWN;
    const char *thread;

    while (threads && (thread = g_dir_read_name(threads)))
        answer = MAX(answer, look_at_children(parent, thread, search));
    return answer;
}

/* Which of several files the daemon restores from, and which it reads for something else, as for
 * the download of a volume, is not told. */
static RlSaveFile
search_all(int parent, Search *search)
{
    RlSaveFile found = look_through(parent, search);

    if (search->driver != RL_SAVE_FILE_QEMU)
        return found;
    found = MAX(found, look_at_readers(parent, search));
    return search->several ? RL_SAVE_FILE_DOUBT : found;
}

RlSaveFile
rl_save_file_find(RlSaveFileDriver driver, const char *uuid, RlMemory **ret_memory)
{
    g_auto(Search) search = {.driver = driver, .uuid = uuid};
    int parent = rl_calling_daemon_pid();

    *ret_memory = NULL;
    if (!rl_calling_daemon_is_one(parent))
        return RL_SAVE_FILE_UNKNOWN;
    RlSaveFile found = search_all(parent, &search);
    if (found != RL_SAVE_FILE_DOUBT)
        *ret_memory = g_steal_pointer(&search.memory);
    /* A daemon that died while we looked has closed its files. */
    return found == RL_SAVE_FILE_NONE && rl_calling_daemon_pid() != parent ? RL_SAVE_FILE_UNKNOWN
                                                                           : found;
}

RlMemory *
rl_save_file_find_alone(const char *uuid)
{
    g_auto(Search) search = {.driver = RL_SAVE_FILE_QEMU, .uuid = uuid};
    int parent = rl_calling_daemon_pid();

    if (!rl_calling_daemon_is_one(parent) || search_all(parent, &search) != RL_SAVE_FILE_READ ||
        search.beside)
        return NULL;
    return g_steal_pointer(&search.memory);
}
