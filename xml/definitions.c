/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "definitions.h"

#include <string.h>
#include <sys/stat.h>

#include "image-search.h"
#include "layer-graph.h"
#include "lone-overlays.h"
#include "snapshot-records.h"

/* Where libvirt's drivers write (virQEMUDriverConfigNew() and its like): domains that run first. */
static const char *const domain_dirs[] = {"run/libvirt/qemu", "run/libvirt/libxl",
                                          "etc/libvirt/qemu", "etc/libvirt/libxl"};
static const char *const running_dirs[] = {"run/libvirt/qemu", "run/libvirt/libxl"};
static const char *const definition_dirs[] = {"etc/libvirt/qemu", "etc/libvirt/libxl"};

/* Has the name of @disk to say what it lies on? It may mean another volume's image, too. */
static bool
may_be_beside(const RlImageSearch *search, const RlDisk *disk)
{
    return disk->format && strcmp(disk->format, "raw") != 0 && disk->backing->len == 0 &&
           disk->backing_volumes->len == 0 &&
           !(search->told && g_hash_table_contains(search->told, disk->path));
}

static bool
disk_is_on(const RlImageSearch *search, GHashTable *bases, const RlDisk *disk)
{
    if (search->directly &&
        (rl_image_search_is_disk(search, disk) ||
         (disk->data_path && rl_image_search_is_image(search, disk->data_path)) ||
         (disk->data_pool &&
          rl_image_search_is_volume(search, disk->data_pool, disk->data_volume))))
        return true;
    /* libvirt's own overlay, gone at the end of the run. */
    if (disk->transient && !search->directly)
        return false;
    for (guint i = 0; i < disk->backing->len; i++) {
        const char *path = g_ptr_array_index(disk->backing, i);
        if (rl_image_search_is_layer(search, path) || rl_image_search_is_beside(search, path) ||
            rl_snapshot_records_lead(search, bases, path))
            return true;
    }
    for (guint i = 0; i < disk->backing_volumes->len; i++) {
        const RlVolumeRef *ref = g_ptr_array_index(disk->backing_volumes, i);
        if (rl_image_search_is_layer_volume(search, ref->pool, ref->volume))
            return true;
    }
    return disk->path &&
           ((may_be_beside(search, disk) && rl_image_search_is_beside(search, disk->path)) ||
            rl_snapshot_records_lead(search, bases, disk->path));
}

/* A domain that runs is in an element that says in which state; a defined one is the root. */
static RlDomain *
read_domain(const RlImageSearch *search, const char *dir, const char *file)
{
    size_t length;
    g_autofree char *text = rl_image_search_read_text(search, dir, file, &length);

    return text ? rl_xml_domain_parse_kept(text, length, file, NULL) : NULL;
}

static bool
is_passed_over(const RlImageSearch *search, const RlDomain *domain)
{
    return domain->disks->len == 0 || g_strcmp0(domain->uuid, search->except) == 0 ||
           rl_image_search_has_let_go(search, domain->name);
}

static bool
has_disk_on(const RlImageSearch *search, GHashTable *bases, const RlDomain *domain)
{
    for (guint i = 0; i < domain->disks->len; i++)
        if (disk_is_on(search, bases, g_ptr_array_index(domain->disks, i)))
            return true;
    return false;
}

/* Where its snapshots cannot be read, what keeps the image is believed of them. */
static bool
domain_is_on(RlImageSearch *search, const RlDomain *domain)
{
    g_autoptr(GError) error = NULL;

    bool passed_over = is_passed_over(search, domain);
    rl_lone_overlays_know(search, domain);
    if (passed_over && !search->all)
        return false;
    /* An overlay that such a one has a record of may be another's. */
    g_autoptr(GHashTable) bases = rl_snapshot_records_read(search, domain->name, &error);
    if (passed_over)
        return false;
    if (!bases)
        rl_snapshot_records_note_doubt(search, domain->name, error);
    /* Of another that comes first it is not asked. */
    if (search->doubt_of)
        return strcmp(search->doubt_of, domain->name) == 0;
    return bases ? has_disk_on(search, bases, domain) : !search->permits;
}

/* The same by the snapshots of all domains, which were read before. */
static bool
domain_is_on_by_all(RlImageSearch *search, const RlDomain *domain)
{
    return !is_passed_over(search, domain) && has_disk_on(search, search->all, domain);
}

typedef bool (*IsOn)(RlImageSearch *search, const RlDomain *domain);

static char *
find_in(RlImageSearch *search, const char *dir, IsOn is_on)
{
    g_autofree char *path = g_build_filename(search->top, dir, NULL);
    g_autoptr(GDir) entries = g_dir_open(path, 0, NULL);
    const char *file;

    while (entries && (file = g_dir_read_name(entries))) {
        g_autoptr(RlDomain) domain =
            g_str_has_suffix(file, ".xml") ? read_domain(search, dir, file) : NULL;
        if (domain && is_on(search, domain))
            return g_strdup(domain->name);
    }
    return NULL;
}

static char *
find_by(RlImageSearch *search, IsOn is_on)
{
    char *found = NULL;

    for (size_t i = 0; !found && i < G_N_ELEMENTS(domain_dirs); i++)
        found = find_in(search, domain_dirs[i], is_on);
    return found;
}

static char *
find(RlImageSearch *search, const char *image)
{
    if (!rl_image_search_begin(search, image))
        return NULL;
    search->all = rl_layer_graph_new();
    char *found = find_by(search, domain_is_on);
    if (!found && g_hash_table_size(search->all) > 0)
        found = find_by(search, domain_is_on_by_all);
    if (!found)
        found = rl_snapshot_records_read_rest(search);
    return found ? found : rl_lone_overlays_find(search);
}

char *
rl_xml_definitions_find_below(const char *top, const char *image, bool directly, const char *except,
                              const char *const *let_go)
{
    g_auto(RlImageSearch)
        search = {.top = top, .directly = directly, .except = except, .let_go = let_go};

    return find(&search, image);
}

char *
rl_xml_definitions_doubt_below(const char *top, const char *image, const char *domain)
{
    g_auto(RlImageSearch) search = {.top = top, .doubt_of = domain};
    g_autofree char *found = find(&search, image);

    (void) found;
    return g_steal_pointer(&search.doubt);
}

char *
rl_xml_definitions_doubt(const char *image, const char *domain)
{
    return rl_xml_definitions_doubt_below("/", image, domain);
}

char *
rl_xml_definitions_find(const char *image, bool directly, const char *except,
                        const char *const *let_go)
{
    return rl_xml_definitions_find_below("/", image, directly, except, let_go);
}

/* What is done with each domain that runs: true ends it. */
typedef bool (*Visit)(RlImageSearch *search, RlDomain *domain, gpointer data);

/* The domain at which @visit has ended it, owned by the caller. */
static RlDomain *
find_running(RlImageSearch *search, Visit visit, gpointer data)
{
    for (size_t i = 0; i < G_N_ELEMENTS(running_dirs); i++) {
        g_autofree char *path = g_build_filename(search->top, running_dirs[i], NULL);
        g_autoptr(GDir) entries = g_dir_open(path, 0, NULL);
        const char *file;

        while (entries && (file = g_dir_read_name(entries))) {
            g_autoptr(RlDomain) domain =
                g_str_has_suffix(file, ".xml") ? read_domain(search, running_dirs[i], file) : NULL;
            if (domain && visit(search, domain, data))
                return g_steal_pointer(&domain);
        }
    }
    return NULL;
}

static bool
has_image(RlImageSearch *search, RlDomain *domain, gpointer data)
{
    bool *overlaid = data;

    search->directly = false;
    *overlaid = domain_is_on(search, domain);
    search->directly = true;
    return *overlaid || domain_is_on(search, domain);
}

RlDomain *
rl_xml_definitions_find_running_below(const char *top, const char *image, const char *except,
                                      bool *ret_overlaid)
{
    g_auto(RlImageSearch)
        search = {.top = top, .except = except, .permits = true, .roots_only = true};

    *ret_overlaid = false;
    return rl_image_search_begin(&search, image) ? find_running(&search, has_image, ret_overlaid)
                                                 : NULL;
}

RlDomain *
rl_xml_definitions_find_running(const char *image, const char *except, bool *ret_overlaid)
{
    return rl_xml_definitions_find_running_below("/", image, except, ret_overlaid);
}

static bool
has_layer(RlImageSearch *search, RlDomain *domain, gpointer bases)
{
    return has_disk_on(search, bases, domain);
}

char *
rl_xml_definitions_name_running_below(const char *top, const char *image)
{
    g_auto(RlImageSearch) search = {.top = top, .directly = true};
    g_autoptr(GHashTable) no_bases = rl_layer_graph_new();

    if (!rl_image_search_begin(&search, image))
        return NULL;
    g_autoptr(RlDomain) domain = find_running(&search, has_layer, no_bases);
    return domain ? g_strdup(domain->name) : NULL;
}

char *
rl_xml_definitions_name_running(const char *image)
{
    return rl_xml_definitions_name_running_below("/", image);
}

static bool
has_overlay(RlImageSearch *search, RlDomain *domain, gpointer bases)
{
    return !is_passed_over(search, domain) && has_disk_on(search, bases, domain);
}

char *
rl_xml_definitions_name_running_overlay_below(const char *top, const char *image,
                                              const char *except)
{
    g_auto(RlImageSearch) search = {.top = top, .except = except};
    g_autoptr(GHashTable) no_bases = rl_layer_graph_new();

    if (!rl_image_search_begin(&search, image))
        return NULL;
    g_autoptr(RlDomain) domain = find_running(&search, has_overlay, no_bases);
    return domain ? g_strdup(domain->name) : NULL;
}

char *
rl_xml_definitions_name_running_overlay(const char *image, const char *except)
{
    return rl_xml_definitions_name_running_overlay_below("/", image, except);
}

static bool
has_uuid(RlImageSearch *search, RlDomain *domain, gpointer data)
{
    (void) search;
    return strcmp(domain->uuid, data) == 0;
}

bool
rl_xml_definitions_has_let_go_below(const char *top, const char *image, const char *uuid)
{
    g_auto(RlImageSearch) search = {.top = top, .directly = true, .roots_only = true};

    if (!rl_image_search_begin(&search, image))
        return false;
    g_autoptr(RlDomain) domain = find_running(&search, has_uuid, (gpointer) uuid);
    return domain && !domain_is_on(&search, domain);
}

bool
rl_xml_definitions_has_let_go(const char *image, const char *uuid)
{
    return rl_xml_definitions_has_let_go_below("/", image, uuid);
}

gint64
rl_xml_definitions_date_below(const char *top, const char *name)
{
    g_autofree char *file = g_strconcat(name, ".xml", NULL);
    gint64 latest = 0;

    for (size_t i = 0; !strchr(name, '/') && i < G_N_ELEMENTS(definition_dirs); i++) {
        g_autofree char *path = g_build_filename(top, definition_dirs[i], file, NULL);
        struct stat st;
        if (lstat(path, &st) == 0)
            latest = MAX(latest,
                         (gint64) st.st_ctim.tv_sec * G_USEC_PER_SEC + st.st_ctim.tv_nsec / 1000);
    }
    return latest;
}

gint64
rl_xml_definitions_date(const char *name)
{
    return rl_xml_definitions_date_below("/", name);
}

RlDomain *
rl_xml_definitions_read_below(const char *top, const char *name, const char *uuid)
{
    const RlImageSearch search = {.top = top};
    g_autofree char *file = g_strconcat(name, ".xml", NULL);

    for (size_t i = 0; !strchr(name, '/') && i < G_N_ELEMENTS(definition_dirs); i++) {
        g_autoptr(RlDomain) domain = read_domain(&search, definition_dirs[i], file);
        if (domain && strcmp(domain->uuid, uuid) == 0)
            return g_steal_pointer(&domain);
    }
    return NULL;
}

bool
rl_xml_definitions_name_below(const char *top, const char *image, const char *name,
                              const char *uuid)
{
    g_auto(RlImageSearch) search = {.top = top, .permits = true};
    g_autofree char *file = g_strconcat(name, ".xml", NULL);

    if (!rl_image_search_begin(&search, image) || strchr(name, '/'))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(definition_dirs); i++) {
        g_autoptr(RlDomain) domain = read_domain(&search, definition_dirs[i], file);
        if (domain && strcmp(domain->uuid, uuid) == 0 && domain_is_on(&search, domain))
            return true;
    }
    return false;
}

bool
rl_xml_definitions_name(const char *image, const char *name, const char *uuid)
{
    return rl_xml_definitions_name_below("/", image, name, uuid);
}
