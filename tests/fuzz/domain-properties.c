/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "domain-properties.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "xml/text.h"

static void
add_attribute(GString *out, const char *name, const char *value)
{
    if (!value)
        return;
    g_string_append_printf(out, " %s='", name);
    rl_xml_append_escaped(out, value);
    g_string_append_c(out, '\'');
}

static void
add_element(GString *out, const char *name, const char *text)
{
    g_string_append_printf(out, "<%s>", name);
    rl_xml_append_escaped(out, text);
    g_string_append_printf(out, "</%s>", name);
}

/* Layers given as files first, then those given as volumes: the order between the two is not
 * kept. */
static void
add_backing(GString *out, const RlDisk *disk)
{
    guint files = disk->backing->len, volumes = disk->backing_volumes->len;

    for (guint i = 0; i < files; i++) {
        g_string_append(out, "<backingStore type='file'><source");
        add_attribute(out, "file", g_ptr_array_index(disk->backing, i));
        g_string_append(out, "/>");
    }
    for (guint i = 0; i < volumes; i++) {
        const RlVolumeRef *ref = g_ptr_array_index(disk->backing_volumes, i);
        g_string_append(out, "<backingStore type='volume'><source");
        add_attribute(out, "pool", ref->pool);
        add_attribute(out, "volume", ref->volume);
        g_string_append(out, "/>");
    }
    g_string_append(out, "<backingStore/>");
    for (guint i = 0; i < files + volumes; i++)
        g_string_append(out, "</backingStore>");
}

static void
add_data(GString *out, const RlDisk *disk)
{
    if (!disk->data_path && !disk->data_pool)
        return;
    g_string_append_printf(out, "<dataStore type='%s'><source",
                           disk->data_pool ? "volume" : "file");
    add_attribute(out, "file", disk->data_path);
    add_attribute(out, "pool", disk->data_pool);
    add_attribute(out, "volume", disk->data_volume);
    g_string_append(out, "/></dataStore>");
}

static void
add_disk(GString *out, const RlDisk *disk)
{
    static const char *const devices[] = {"disk", "cdrom", "floppy", "lun"};

    g_string_append_printf(out, "<disk type='%s' device='%s'>", disk->pool ? "volume" : "file",
                           devices[disk->device]);
    if (disk->pool || disk->path || disk->data_pool || disk->data_path) {
        g_string_append(out, "<source");
        add_attribute(out, "file", disk->path);
        add_attribute(out, "pool", disk->pool);
        add_attribute(out, "volume", disk->volume);
        g_string_append(out, ">");
        add_data(out, disk);
        g_string_append(out, "</source>");
    }
    if (disk->target) {
        g_string_append(out, "<target");
        add_attribute(out, "dev", disk->target);
        g_string_append(out, "/>");
    }
    g_string_append(out, disk->readonly ? "<readonly/>" : "");
    g_string_append(out, disk->shareable ? "<shareable/>" : "");
    g_string_append(out, disk->transient ? "<transient/>" : "");
    add_backing(out, disk);
    if (disk->mirror) {
        g_string_append(out, "<mirror");
        add_attribute(out, "file", disk->mirror);
        g_string_append(out, "/>");
    }
    g_string_append(out, "</disk>");
}

/* What was understood of @domain, as a document. */
static GString *
format(const RlDomain *domain)
{
    GString *out = g_string_new("<domain");

    add_attribute(out, "type", domain->type);
    g_string_append(out, ">");
    add_element(out, "name", domain->name);
    add_element(out, "uuid", domain->uuid);
    g_string_append(out, "<devices>");
    for (guint i = 0; i < domain->disks->len; i++)
        add_disk(out, g_ptr_array_index(domain->disks, i));
    g_string_append(out, "</devices></domain>");
    return out;
}

static void
check_disk(const RlDisk *disk)
{
    const char *const texts[] = {disk->target, disk->path,      disk->pool,      disk->volume,
                                 disk->mirror, disk->data_path, disk->data_pool, disk->data_volume};

    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_assert_true(!texts[i] || (*texts[i] && g_utf8_validate(texts[i], -1, NULL)));
    g_assert_true(!disk->pool == !disk->volume);
    g_assert_true(!disk->pool || !disk->path);
    g_assert_true(disk->readonly || disk->device != RL_DISK_CDROM);
    g_assert_cmpuint(disk->backing->len + disk->backing_volumes->len, <=, RL_DISK_CHAIN_MAX);
}

static void
check_files(const GPtrArray *files)
{
    g_assert_cmpuint(files->len, <=, RL_NAMED_FILES_MAX + 1);
    for (guint i = 0; i < files->len; i++) {
        const RlNamedFile *file = g_ptr_array_index(files, i);
        g_assert_true(file->path[0] == '/' && file->element[0] == '<');
        g_assert_cmpuint(strlen(file->path), <, PATH_MAX);
    }
}

void
check_domain(const RlDomain *domain)
{
    GError *error = NULL;

    g_assert_true(*domain->name && *domain->type);
    g_assert_true(g_uuid_string_is_valid(domain->uuid));
    for (const char *c = domain->uuid; *c; c++)
        g_assert_false(g_ascii_isupper(*c));
    g_assert_cmpuint(domain->disks->len, <=, RL_DOMAIN_DISKS_MAX);
    for (guint i = 0; i < domain->disks->len; i++)
        check_disk(g_ptr_array_index(domain->disks, i));
    check_files(domain->files);

    g_autoptr(GString) text = format(domain);
    if (text->len > RL_DOMAIN_SIZE_MAX)
        return;
    g_autoptr(RlDomain) back = rl_xml_domain_parse(text->str, text->len, "domain", &error);
    g_assert_no_error(error);
    g_autoptr(GString) again = format(back);
    g_assert_cmpstr(again->str, ==, text->str);
}
