/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "save-file.h"

#include <fcntl.h>
#include <glib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/pool.h"
#include "xml/domain.h"

/* The header of src/libxl/libxl_conf.h: a magic of sixteen bytes, version, length of the XML,
 * padding to 64. */
#define MAGIC "libvirt-xml\n \0 \r"
#define MAGIC_SIZE 16

typedef struct {
    char magic[MAGIC_SIZE];
    uint32_t version;
    uint32_t xml_size;
    uint32_t unused[10];
} Header;

G_STATIC_ASSERT(sizeof(MAGIC) - 1 == MAGIC_SIZE);
G_STATIC_ASSERT(sizeof(Header) == 64);

/* Does the save file @fd hold the domain @uuid? */
static bool
holds_domain(int fd, const char *uuid)
{
    Header header;

    if (pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
        memcmp(header.magic, MAGIC, MAGIC_SIZE) != 0 || header.xml_size > RL_DOMAIN_SIZE_MAX)
        return false;

    g_autofree char *text = g_malloc(header.xml_size + 1);
    ssize_t n = pread(fd, text, header.xml_size, sizeof(header));
    if (n != (ssize_t) header.xml_size)
        return false;
    /* The length may count a final NUL. */
    size_t length = strnlen(text, (size_t) n);
    g_autoptr(RlDomain) domain = rl_xml_domain_parse(text, length, "save file", NULL);
    return domain && strcmp(domain->uuid, uuid) == 0;
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

/* An image that a guest wrote may begin like a save file, and the daemon may be just streaming it.
 */
static bool
is_image(const char *path)
{
    g_autofree char *root = NULL, *inside = NULL;

    return rl_pool_find(path, &root, &inside);
}

static RlSaveFile
look_at(int parent, const char *number, const char *uuid, char **ret_file)
{
    g_autofree char *link = g_strdup_printf("/proc/%d/fd/%s", parent, number);
    g_autofree char *path = g_file_read_link(link, NULL);
    struct stat st;

    /* Sockets, pipes and the like have no path. */
    if (!path || path[0] != '/' || stat(link, &st) < 0 || !S_ISREG(st.st_mode) || is_image(path))
        return RL_SAVE_FILE_NONE;

    int flags = open_flags(parent, number);
    rl_autofd int fd = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (flags < 0 || fd < 0 || !holds_domain(fd, uuid))
        return RL_SAVE_FILE_NONE;
    *ret_file = g_steal_pointer(&path);
    return (flags & O_ACCMODE) == O_RDONLY ? RL_SAVE_FILE_READ : RL_SAVE_FILE_WRITTEN;
}

/* Is it libvirt's daemon that called us, and not a script in between, nor init since the daemon is
 * dead? */
static bool
is_daemon(int pid)
{
    g_autofree char *link = g_strdup_printf("/proc/%d/exe", pid);
    g_autofree char *path = g_file_read_link(link, NULL);
    g_autofree char *name = path ? g_path_get_basename(path) : NULL;

    /* " (deleted)" follows the name of a daemon that was upgraded while it runs. */
    return name && (g_str_has_prefix(name, "libvirtd") || g_str_has_prefix(name, "virtxend"));
}

RlSaveFile
rl_save_file_find(const char *uuid, char **ret_file)
{
    int parent = getppid();
    g_autofree char *dir = g_strdup_printf("/proc/%d/fd", parent);
    g_autoptr(GDir) numbers = is_daemon(parent) ? g_dir_open(dir, 0, NULL) : NULL;
    const char *number;

    while (numbers && (number = g_dir_read_name(numbers))) {
        RlSaveFile found = look_at(parent, number, uuid, ret_file);
        if (found != RL_SAVE_FILE_NONE)
            return found;
    }
    /* A daemon that died while we looked has closed its files. */
    return numbers && getppid() == parent ? RL_SAVE_FILE_NONE : RL_SAVE_FILE_UNKNOWN;
}
