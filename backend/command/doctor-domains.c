/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/autofd.h"
#include "common/format/file-name.h"
#include "common/fs/dirfd.h"
#include "common/pool/pool.h"
#include "doctor.h"
#include "known-pools.h"
#include "xml/domain-mentions.h"
#include "xml/domain.h"

/* Where libvirt's drivers write the domains that are defined. Of those of the last ones it calls no
 * hook of ours. */
static const struct {
    const char *driver;
    bool hooked;
} drivers[] = {{"qemu", true}, {"libxl", true}, {"lxc", false}, {"ch", false}, {"bhyve", false}};

typedef struct {
    RlReport *report;
    GPtrArray *roots; /* char *: directories of reflink pools, by all paths that are known */
    guint domains;
    guint wrong;
} Search;

/* The file behind a loop device (drivers/block/loop.c), owned by the caller; NULL of another. */
static char *
find_backing_file(const char *path)
{
    char *text = NULL;

    if (!g_str_has_prefix(path, "/dev/loop"))
        return NULL;
    g_autofree char *file =
        g_strdup_printf("/sys/block/%s/loop/backing_file", path + strlen("/dev/"));
    return g_file_get_contents(file, &text, NULL, NULL) ? g_strchomp(text) : NULL;
}

/* What the file @path is to a reflink pool. */
static RlFileRole
role_of(const char *path)
{
    g_autofree char *root = NULL, *inside = NULL;
    char *real = realpath(path, NULL);
    bool found = rl_pool_find(real ? real : path, &root, &inside, NULL);

    free(real);
    /* A short path has no slash (common/image/short-path.h). */
    if (!found || !root || !strchr(inside, '/'))
        return RL_FILE_OTHER;
    g_autofree char *base = g_path_get_basename(inside);
    return rl_file_name_parse(base).role;
}

static void
look_at_disk(Search *search, const char *topic, const RlDisk *disk)
{
    g_autofree char *behind = disk->path ? find_backing_file(disk->path) : NULL;
    const char *target = disk->target ? disk->target : "?";

    if (!disk->path)
        return;
    if (behind && role_of(behind) != RL_FILE_OTHER) {
        search->wrong++;
        rl_report_wrong(search->report, topic,
                        "disk '%s' is the loop device '%s' of '%s', and no run of it is ended: "
                        "name the path that 'vol-path' prints as <disk type='file'>",
                        target, disk->path, behind);
        return;
    }
    RlFileRole role = role_of(disk->path);
    if (disk->readonly || (role != RL_FILE_CLEAN && role != RL_FILE_PRECACHE &&
                           role != RL_FILE_REVISION && role != RL_FILE_LABEL))
        return;
    /* An overlay may have such a name. */
    if (disk->format && strcmp(disk->format, "raw") != 0)
        return;
    search->wrong++;
    rl_report_wrong(search->report, topic,
                    "disk '%s' names '%s', an image at rest, and the domain does not start: name "
                    "the path that 'vol-path' prints",
                    target, disk->path);
}

static void
look_at_mentions(Search *search, const char *topic, const char *text, size_t length)
{
    for (guint i = 0; i < search->roots->len; i++) {
        g_autofree char *mention =
            rl_xml_mentions_find(text, length, topic, g_ptr_array_index(search->roots, i));
        if (!mention)
            continue;
        search->wrong++;
        rl_report_wrong(search->report, topic,
                        "%s is in a reflink pool and is no disk: nothing keeps others from "
                        "changing it, and it sees what a commit replaces: use a <disk>",
                        mention);
        return;
    }
}

static void
look_at_domain(Search *search, const char *topic, const char *text, size_t length, bool hooked)
{
    g_autoptr(RlDomain) domain = rl_xml_domain_parse(text, length, topic, NULL);

    search->domains++;
    for (guint i = 0; domain && i < domain->disks->len; i++) {
        const RlDisk *disk = g_ptr_array_index(domain->disks, i);
        if (hooked)
            look_at_disk(search, topic, disk);
        else if (disk->path && role_of(disk->path) != RL_FILE_OTHER) {
            search->wrong++;
            rl_report_wrong(search->report, topic,
                            "disk '%s' is in a reflink pool, but the hook is for qemu and libxl "
                            "only: use a copy outside of the pool",
                            disk->target ? disk->target : "?");
        }
    }
    look_at_mentions(search, topic, text, length);
}

static gint
compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

static void
look_at_driver(Search *search, const char *driver, bool hooked)
{
    g_autofree char *path = g_build_filename("/etc/libvirt", driver, NULL);
    rl_autofd int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(GDir) entries = dir < 0 ? NULL : g_dir_open(path, 0, NULL);
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
    const char *file;

    while (entries && (file = g_dir_read_name(entries)))
        if (g_str_has_suffix(file, ".xml"))
            g_ptr_array_add(files, g_strdup(file));
    g_ptr_array_sort(files, compare);
    for (guint i = 0; i < files->len; i++) {
        file = g_ptr_array_index(files, i);
        g_autofree char *topic =
            g_strdup_printf("domain %.*s", (int) (strlen(file) - strlen(".xml")), file);
        size_t length;
        g_autofree char *text = rl_dirfd_read_file(dir, file, RL_DOMAIN_SIZE_MAX, &length, NULL);
        if (text)
            look_at_domain(search, topic, text, length, hooked);
    }
}

/* By the path that libvirt has, and by the directory's own. */
static GPtrArray *
find_roots(void)
{
    g_autoptr(GPtrArray) pools = rl_known_pools_read();
    GPtrArray *roots = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < pools->len; i++) {
        const RlKnownPool *pool = g_ptr_array_index(pools, i);
        if (!pool->path || !rl_pool_has_marker(pool->path))
            continue;
        g_ptr_array_add(roots, g_strdup(pool->path));
        char *real = realpath(pool->path, NULL);
        if (real && strcmp(real, pool->path) != 0)
            g_ptr_array_add(roots, g_strdup(real));
        free(real);
    }
    return roots;
}

void
rl_doctor_domains(RlReport *report)
{
    g_autoptr(GPtrArray) roots = NULL;
    Search search = {.report = report};

    if (rl_report_needs_root(report, "domains"))
        return;
    roots = find_roots();
    search.roots = roots;
    for (size_t i = 0; i < G_N_ELEMENTS(drivers); i++)
        look_at_driver(&search, drivers[i].driver, drivers[i].hooked);
    if (search.wrong == 0)
        rl_report_ok(report, "domains",
                     "of %u that are defined, none names a pool's image in another way than as a "
                     "disk that is protected",
                     search.domains);
}
