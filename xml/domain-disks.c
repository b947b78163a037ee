/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "domain-disks.h"

#include "node.h"
#include "text.h"

#include <string.h>

static const char *const device_words[] = {
    [RL_DISK_DISK] = "disk",
    [RL_DISK_CDROM] = "cdrom",
    [RL_DISK_FLOPPY] = "floppy",
    [RL_DISK_LUN] = "lun",
};

static void
volume_ref_free(void *data)
{
    RlVolumeRef *ref = data;

    g_free(ref->pool);
    g_free(ref->volume);
    g_free(ref);
}

static RlDisk *
disk_new(void)
{
    RlDisk *disk = g_new0(RlDisk, 1);

    disk->backing = g_ptr_array_new_with_free_func(g_free);
    disk->backing_formats = g_ptr_array_new_with_free_func(g_free);
    disk->backing_volumes = g_ptr_array_new_with_free_func(volume_ref_free);
    return disk;
}

void
rl_disk_free(RlDisk *disk)
{
    if (!disk)
        return;
    g_free(disk->target);
    g_free(disk->path);
    g_free(disk->pool);
    g_free(disk->volume);
    g_free(disk->format);
    g_free(disk->data_path);
    g_free(disk->data_pool);
    g_free(disk->data_volume);
    g_free(disk->mirror);
    g_ptr_array_unref(disk->backing);
    g_ptr_array_unref(disk->backing_formats);
    g_ptr_array_unref(disk->backing_volumes);
    g_free(disk);
}

/* An attribute that is there but empty says as little as none. */
static char *
filled_attribute(const xmlNode *node, const char *name)
{
    g_autofree char *value = rl_xml_attribute(node, name);

    return value && value[0] != '\0' ? g_steal_pointer(&value) : NULL;
}

/* @holder has the type attribute and the <source>: a disk, a layer below one, or a mirror. What has
 * no type is a file, as it is for libvirt. */
static bool
has_type(const xmlNode *holder, const char *wanted)
{
    g_autofree char *type = rl_xml_attribute(holder, "type");

    return strcmp(type ? type : "file", wanted) == 0;
}

static char *
source_path(const xmlNode *holder)
{
    const xmlNode *source = rl_xml_child(holder, "source");

    if (source && has_type(holder, "file"))
        return filled_attribute(source, "file");
    if (source && has_type(holder, "block"))
        return filled_attribute(source, "dev");
    return NULL;
}

/* Sets both names, or none where @holder is no volume or an empty drive. */
static bool
source_volume(const xmlNode *holder, char **ret_pool, char **ret_volume, GError **error)
{
    const xmlNode *source = rl_xml_child(holder, "source");

    if (!source || !has_type(holder, "volume"))
        return true;
    g_autofree char *pool = filled_attribute(source, "pool");
    g_autofree char *volume = filled_attribute(source, "volume");
    if (!pool != !volume)
        return rl_xml_fail(source, error, "<source> of type 'volume' needs the attribute %s",
                           pool ? "volume" : "pool");
    *ret_pool = g_steal_pointer(&pool);
    *ret_volume = g_steal_pointer(&volume);
    return true;
}

/* The file that has the data of @holder's image: libvirt says so inside of the <source>
 * (formatdomain, dataStore). NULL where the image has them itself. */
static const xmlNode *
data_store(const xmlNode *holder)
{
    const xmlNode *source = rl_xml_child(holder, "source");

    return source ? rl_xml_child(source, "dataStore") : NULL;
}

static bool
add_file(RlDisk *disk, const xmlNode *layer, GError **error)
{
    char *path = source_path(layer);
    char *pool = NULL, *volume = NULL;

    if (path) {
        const xmlNode *format = rl_xml_child(layer, "format");
        char *word = format ? filled_attribute(format, "type") : NULL;
        g_ptr_array_add(disk->backing, path);
        g_ptr_array_add(disk->backing_formats, word ? word : g_strdup(""));
    }
    if (!source_volume(layer, &pool, &volume, error))
        return false;
    if (!pool)
        return true;

    RlVolumeRef *ref = g_new(RlVolumeRef, 1);
    *ref = (RlVolumeRef){.pool = pool, .volume = volume};
    g_ptr_array_add(disk->backing_volumes, ref);
    return true;
}

/* Each layer lies in the one above it. */
static bool
read_chain(RlDisk *disk, const xmlNode *node, GError **error)
{
    int depth = 0;

    for (const xmlNode *layer = rl_xml_child(node, "backingStore"); layer;
         layer = rl_xml_child(layer, "backingStore")) {
        /* libvirt ends a chain with an empty element, which is no layer. */
        const xmlNode *data = data_store(layer);
        depth += (rl_xml_first_element(layer) ? 1 : 0) + (data ? 1 : 0);
        if (depth > RL_DISK_CHAIN_MAX)
            return rl_xml_fail(layer, error, "a disk with more than %d <backingStore> layers",
                               RL_DISK_CHAIN_MAX);
        if (!add_file(disk, layer, error) || (data && !add_file(disk, data, error)))
            return false;
    }
    return true;
}

/* In the form of today, or in the older one, which libvirt writes beside it where it can. */
static char *
mirror_path(const xmlNode *node)
{
    const xmlNode *mirror = rl_xml_child(node, "mirror");
    if (!mirror)
        return NULL;

    char *path = source_path(mirror);
    return path ? path : filled_attribute(mirror, "file");
}

/* When the emulator has agreed to go on on the mirror libvirt writes ready='pivot' down, and when
 * it says that it does, no kind of job any more (qemuBlockPivot(), qemuBlockJobEventProcess()). */
static bool
is_pivoting(const xmlNode *node)
{
    const xmlNode *mirror = rl_xml_child(node, "mirror");
    g_autofree char *ready = mirror ? rl_xml_attribute(mirror, "ready") : NULL,
                    *job = mirror ? rl_xml_attribute(mirror, "job") : NULL;

    return g_strcmp0(ready, "pivot") == 0 || g_strcmp0(job, "") == 0;
}

static bool
read_device(RlDisk *disk, const xmlNode *node, GError **error)
{
    g_autofree char *word = rl_xml_attribute(node, "device");

    if (!word)
        return true;
    for (size_t i = 0; i < G_N_ELEMENTS(device_words); i++) {
        if (strcmp(word, device_words[i]) != 0)
            continue;
        disk->device = (RlDiskDevice) i;
        return true;
    }
    g_autofree char *shown = rl_xml_shorten(word);
    return rl_xml_fail(node, error, "unknown device='%s' of <disk>", shown);
}

/* A word that libvirt does not know it has refused. */
static RlStartup
read_startup(const xmlNode *node)
{
    const xmlNode *source = rl_xml_child(node, "source");
    g_autofree char *word = source ? rl_xml_attribute(source, "startupPolicy") : NULL;

    if (g_strcmp0(word, "optional") == 0)
        return RL_STARTUP_OPTIONAL;
    return g_strcmp0(word, "requisite") == 0 ? RL_STARTUP_REQUISITE : RL_STARTUP_MANDATORY;
}

/* Only of a domain that runs (formatdomain, "index"). */
static guint64
read_index(const xmlNode *node)
{
    const xmlNode *source = rl_xml_child(node, "source");
    g_autofree char *word = source ? rl_xml_attribute(source, "index") : NULL;
    guint64 index;

    return word && g_ascii_string_to_unsigned(word, 10, 0, G_MAXUINT64, &index, NULL) ? index : 0;
}

static bool
read_data_store(RlDisk *disk, const xmlNode *node, GError **error)
{
    const xmlNode *data = data_store(node);

    if (!data)
        return true;
    disk->data_path = source_path(data);
    return source_volume(data, &disk->data_pool, &disk->data_volume, error);
}

RlDisk *
rl_xml_disk_from_node(const xmlNode *node, GError **error)
{
    g_autoptr(RlDisk) disk = disk_new();
    const xmlNode *target = rl_xml_child(node, "target");
    const xmlNode *driver = rl_xml_child(node, "driver");

    if (!read_device(disk, node, error) ||
        !source_volume(node, &disk->pool, &disk->volume, error) ||
        !read_data_store(disk, node, error) || !read_chain(disk, node, error))
        return NULL;
    disk->target = target ? filled_attribute(target, "dev") : NULL;
    disk->format = driver ? filled_attribute(driver, "type") : NULL;
    disk->startup = read_startup(node);
    disk->path = source_path(node);
    disk->index = read_index(node);
    disk->mirror = mirror_path(node);
    disk->pivoting = is_pivoting(node);
    disk->readonly = rl_xml_child(node, "readonly") || disk->device == RL_DISK_CDROM;
    disk->shareable = rl_xml_child(node, "shareable") != NULL;
    disk->transient = rl_xml_child(node, "transient") != NULL;
    return g_steal_pointer(&disk);
}

bool
rl_disk_has_layers(const RlDisk *disk)
{
    return disk->backing->len > 0 || disk->backing_volumes->len > 0 || disk->data_path ||
           disk->data_volume;
}
