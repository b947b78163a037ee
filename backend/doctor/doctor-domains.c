/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/autofd.h"
#include "common/format/file-name.h"
#include "common/fs/dirfd.h"
#include "common/image/short-path.h"
#include "common/pool/pool.h"
#include "doctor.h"
#include "xml/documents.h"
#include "xml/domain.h"

/* Where libvirt's drivers write the domains that are defined. Of those of the last ones it calls no
 * hook of ours. */
static const struct {
    const char *driver;
    bool hooked;
} drivers[] = {{"qemu", true}, {"libxl", true}, {"lxc", false}, {"ch", false}, {"bhyve", false}};

typedef struct {
    RlReport *report;
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

/* The short path of a volume is good, whichever image a link leads from there to now. */
static bool
is_short_path(const char *path)
{
    g_autofree char *root = NULL, *inside = NULL;

    if (!rl_pool_find(path, &root, &inside, NULL) || !root || strchr(inside, '/'))
        return false;
    g_autoptr(RlPool) pool = rl_pool_open(root, rl_xml_documents(), NULL);
    g_autofree char *volume = pool ? rl_short_path_volume(pool, inside) : NULL;
    return volume;
}

/* What the file @path is to a reflink pool. */
static RlFileRole
role_of(const char *path)
{
    g_autofree char *root = NULL, *inside = NULL;

    if (is_short_path(path))
        return RL_FILE_OTHER;
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
                        "disk '%s' is the loop device '%s' of '%s', and the hook does not end its "
                        "run: use <disk type='file'> with the path that 'vol-path' prints",
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

/* In what lies in the directory: it may be the pool's own. */
static bool
is_in_pool(const char *dir)
{
    g_autofree char *in_it = g_build_filename(dir, "x", NULL);
    g_autofree char *root = NULL, *inside = NULL;

    return rl_pool_find(in_it, &root, &inside, NULL) && root;
}

/* The hook refuses to start such a domain; where libvirt calls none, it starts. */
static void
look_at_file(Search *search, const char *topic, const RlNamedFile *file, bool hooked)
{
    if (file->shared ? !is_in_pool(file->path) : role_of(file->path) == RL_FILE_OTHER)
        return;
    search->wrong++;
    rl_report_wrong(search->report, topic,
                    "%s names '%s' in a reflink pool, and %s: attach the volume as a disk, or name "
                    "a copy outside of the pool",
                    file->element, file->path,
                    hooked ? "the domain does not start" : "nothing protects it");
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
    for (guint i = 0; domain && i < domain->files->len; i++)
        look_at_file(search, topic, g_ptr_array_index(domain->files, i), hooked);
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

void
rl_doctor_domains(RlReport *report)
{
    Search search = {.report = report};

    if (rl_report_needs_root(report, "domains"))
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(drivers); i++)
        look_at_driver(&search, drivers[i].driver, drivers[i].hooked);
    if (search.wrong == 0)
        rl_report_ok(
            report, "domains",
            "none of the %u defined domains names an image of a pool except as a protected disk",
            search.domains);
}
