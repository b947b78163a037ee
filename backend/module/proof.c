/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "proof.h"

#include <string.h>

#include "storage_conf.h"

#include "namespace.h"
#include "xml/namespace.h"

static const char pool_document[] =
    "<pool type='dir' xmlns:" RL_XML_PREFIX "='" RL_XML_NAMESPACE "'>"
    "<name>proof</name><uuid>01020304-0506-0708-090a-0b0c0d0e0f10</uuid>"
    "<features><cow state='no'/></features>"
    "<target><path>/proof/pool</path>"
    "<permissions><mode>0701</mode><owner>1001</owner><group>1002</group></permissions></target>"
    "<" RL_XML_PREFIX ":options><" RL_XML_PREFIX ":revisions keep='77'/></" RL_XML_PREFIX
    ":options></pool>";

static const unsigned char pool_uuid[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static bool
reads_pool(const virStoragePoolDef *def)
{
    return g_strcmp0(def->name, "proof") == 0 &&
           memcmp(def->uuid, pool_uuid, sizeof(pool_uuid)) == 0 &&
           def->type == VIR_STORAGE_POOL_DIR && def->features.cow == VIR_TRISTATE_BOOL_NO &&
           g_strcmp0(def->target.path, "/proof/pool") == 0 && def->target.perms.mode == 0701 &&
           def->target.perms.uid == 1001 && def->target.perms.gid == 1002;
}

static bool
writes_pool(virStoragePoolDef *def)
{
    def->capacity = 3000000000001;
    def->allocation = 1000000000002;
    def->available = 2000000000003;
    def->target.perms.mode = 0702;
    def->target.perms.uid = 1003;
    def->target.perms.gid = 1004;

    g_autofree char *text = virStoragePoolDefFormat(def);
    return text && strstr(text, "<capacity unit='bytes'>3000000000001<") &&
           strstr(text, "<allocation unit='bytes'>1000000000002<") &&
           strstr(text, "<available unit='bytes'>2000000000003<") && strstr(text, ">0702<") &&
           strstr(text, ">1003<") && strstr(text, ">1004<") && strstr(text, "keep='77'");
}

/* Pools of other types are kept out of ours by what they are made of. */
static bool
reads_devices(void)
{
    g_autoptr(virStoragePoolDef) def =
        virStoragePoolDefParse("<pool type='logical'><name>proof</name><source>"
                               "<device path='/proof/a'/><device path='/proof/b'/></source>"
                               "<target><path>/proof/pool</path></target></pool>",
                               NULL, 0);

    return def && def->type == VIR_STORAGE_POOL_LOGICAL && def->source.ndevice == 2 &&
           g_strcmp0(def->source.devices[0].path, "/proof/a") == 0 &&
           g_strcmp0(def->source.devices[1].path, "/proof/b") == 0;
}

const char *
rl_proof_pool(void)
{
    g_autoptr(virStoragePoolDef) def = NULL;

    if (rl_namespace_register() < 0)
        return "the namespaces of pools (virXMLNamespace)";
    def = virStoragePoolDefParse(pool_document, NULL, 0);
    if (!def || !reads_pool(def))
        return "a pool's definition (virStoragePoolDef)";
    const RlOptions *options = rl_namespace_options(def);
    if (!options || options->keep.newest != 77)
        return "a pool's options (virXMLNamespace)";
    if (!reads_devices())
        return "the devices of a pool (virStoragePoolSource)";
    return writes_pool(def) ? NULL : "a pool's definition (virStoragePoolDef)";
}

const char *
rl_proof(void)
{
    const char *wrong = rl_proof_objects();

    if (!wrong)
        wrong = rl_proof_pool();
    return wrong ? wrong : rl_proof_volume();
}
