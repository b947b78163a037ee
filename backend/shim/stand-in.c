/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stand-in.h"

#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "listing.h"
#include "pool-text.h"
#include "running.h"
#include "say.h"
#include "scope.h"
#include "stand-in-proof.h"
#include "table.h"
#include "xml-text.h"

/* Written once, by rl_stand_in_attach(), before any pool is. */
static RlCalls calls;
static RlTable stock[RL_TYPES];
static char libvirt_version[32];

static void
refuse(const RlPoolText *pool, const char *doing)
{
    auto_free char *sentence = NULL;

    if (asprintf(
            &sentence,
            "cannot %s pool '%s': '%s' %s, and its module for libvirt %s is not loaded. "
            "Install or rebuild the module (see 'virt-reflink doctor'), then restart libvirt's "
            "daemon; running domains continue",
            doing, pool->name, pool->path,
            pool->place == RL_PLACE_POOL ? "is a reflink pool" : "lies in a reflink pool",
            libvirt_version) < 0)
        sentence = NULL;
    calls.report(VIR_FROM_STORAGE, VIR_ERR_OPERATION_INVALID, __FILE__, __func__, __LINE__, "%s",
                 sentence ? sentence : "the reflink module is not loaded");
}

static void
refuse_clone(const RlPoolText *to)
{
    calls.report(
        VIR_FROM_STORAGE, VIR_ERR_OPERATION_INVALID, __FILE__, __func__, __LINE__,
        "cannot clone a volume of a reflink pool to pool '%s': libvirt-reflink's module for "
        "libvirt %s is not loaded. Install or rebuild the module (see 'virt-reflink doctor'), then "
        "restart libvirt's daemon",
        to->name, libvirt_version);
}

/* Nothing is done with what is not understood. */
static void
refuse_unread(const char *doing)
{
    calls.report(VIR_FROM_STORAGE, VIR_ERR_OPERATION_INVALID, __FILE__, __func__, __LINE__,
                 "cannot %s a pool whose definition cannot be read without the reflink module",
                 doing);
}

/* The stock backend of @obj, unless that is a pool of ours: then @doing is refused, and NULL. */
static const RlTable *
stock_of(RlPoolObj *obj, const char *doing)
{
    auto_pool RlPoolText pool;

    if (!rl_pool_text(&calls, obj, &pool)) {
        refuse_unread(doing);
        return NULL;
    }
    if (pool.place == RL_PLACE_ELSEWHERE)
        return &stock[pool.type];
    refuse(&pool, doing);
    return NULL;
}

/* An error here, or at the pool's refresh, would delete libvirt's note of the active pool. */
static int
check_pool(RlPoolObj *obj, bool *active)
{
    auto_pool RlPoolText pool;

    if (!rl_pool_text(&calls, obj, &pool))
        *active = false;
    else if (pool.place == RL_PLACE_ELSEWHERE)
        return stock[pool.type].checkPool(obj, active);
    else
        *active = rl_running_needs(pool.written_name, pool.written_path);
    return 0;
}

/* One that was stopped while a domain runs on it would end that when the domain's driver starts. */
static int
start_pool(RlPoolObj *obj)
{
    auto_pool RlPoolText pool;

    if (!rl_pool_text(&calls, obj, &pool)) {
        refuse_unread("start");
        return -1;
    }
    if (pool.place == RL_PLACE_ELSEWHERE)
        return stock[pool.type].startPool ? stock[pool.type].startPool(obj) : 0;
    if (rl_running_needs(pool.written_name, pool.written_path))
        return 0;
    refuse(&pool, "start");
    return -1;
}

static int
build_pool(RlPoolObj *obj, unsigned flags)
{
    const RlTable *table = stock_of(obj, "build");

    return table ? table->buildPool(obj, flags) : -1;
}

static int
delete_pool(RlPoolObj *obj, unsigned flags)
{
    const RlTable *table = stock_of(obj, "delete");

    return table ? table->deletePool(obj, flags) : -1;
}

bool
rl_stand_in_add_volume(const RlCalls *with, RlPoolObj *obj, const char *written_name,
                       const char *written_file, unsigned long long size)
{
    auto_free char *xml = NULL;

    if (asprintf(&xml,
                 "<volume type='file'><name>%s</name><key>%s</key>"
                 "<capacity unit='bytes'>%llu</capacity><target><path>%s</path>"
                 "<format type='raw'/></target></volume>",
                 written_name, written_file, size, written_file) < 0) {
        xml = NULL;
        return false;
    }
    RlVolDef *volume = with->parse_volume(with->pool_def(obj), xml, NULL, 0);
    if (!volume)
        return false;
    if (with->add_volume(obj, volume) == 0)
        return true;
    with->free_volume(volume);
    return false;
}

/* A name that cannot stand in XML is no volume's. */
static void
add_entry(RlPoolObj *obj, const RlPoolText *pool, const RlEntry *entry)
{
    auto_free char *name = rl_xml_text_encode(entry->name), *file = NULL;
    auto_free char *below = rl_xml_text_encode(entry->file);

    if (!name || !below || asprintf(&file, "%s/%s", pool->written_path, below) < 0)
        file = NULL;
    if (file && !rl_stand_in_add_volume(&calls, obj, name, file, entry->size))
        virResetLastError();
}

static int
refresh_pool(RlPoolObj *obj)
{
    auto_pool RlPoolText pool;

    if (!rl_pool_text(&calls, obj, &pool)) {
        refuse_unread("refresh");
        return -1;
    }
    if (pool.place == RL_PLACE_ELSEWHERE)
        return stock[pool.type].refreshPool(obj);
    RlListing listing = rl_listing(pool.path, pool.place == RL_PLACE_WITHIN);
    for (size_t i = 0; i < listing.n; i++)
        add_entry(obj, &pool, &listing.entries[i]);
    if (!listing.complete)
        rl_shim_say(LOG_WARNING,
                    "libvirt-reflink: pool '%s': not all of its directories can be read",
                    pool.name);
    rl_listing_free(&listing);
    return 0;
}

static int
create_volume(RlPoolObj *obj, RlVolDef *vol)
{
    const RlTable *table = stock_of(obj, "create a volume in");

    return table ? table->createVol(obj, vol) : -1;
}

static int
build_volume(RlPoolObj *obj, RlVolDef *vol, unsigned flags)
{
    const RlTable *table = stock_of(obj, "create a volume in");

    return table ? table->buildVol(obj, vol, flags) : -1;
}

static int
build_volume_from(RlPoolObj *obj, RlVolDef *vol, RlVolDef *input, unsigned flags)
{
    const RlTable *table = stock_of(obj, "create a volume in");

    return table ? table->buildVolFrom(obj, vol, input, flags) : -1;
}

/* The stock function opens the image, and probes it. A volume of ours in a pool that is not is the
 * source of a clone: libvirt asks this first, while it has both pools locked. */
static int
refresh_volume(RlPoolObj *obj, RlVolDef *vol)
{
    auto_pool RlPoolText pool;

    if (!rl_pool_text(&calls, obj, &pool)) {
        refuse_unread("refresh a volume of");
        return -1;
    }
    if (pool.place != RL_PLACE_ELSEWHERE)
        return 0;
    pool.place = rl_pool_text_volume_place(&calls, obj, vol);
    if (pool.place == RL_PLACE_ELSEWHERE)
        return stock[pool.type].refreshVol(obj, vol);
    refuse_clone(&pool);
    return -1;
}

static int
delete_volume(RlPoolObj *obj, RlVolDef *vol, unsigned flags)
{
    const RlTable *table = stock_of(obj, "delete a volume of");

    return table ? table->deleteVol(obj, vol, flags) : -1;
}

static int
resize_volume(RlPoolObj *obj, RlVolDef *vol, unsigned long long capacity, unsigned flags)
{
    const RlTable *table = stock_of(obj, "resize a volume of");

    return table ? table->resizeVol(obj, vol, capacity, flags) : -1;
}

static int
upload_volume(RlPoolObj *obj, RlVolDef *vol, void *stream, unsigned long long offset,
              unsigned long long length, unsigned flags)
{
    const RlTable *table = stock_of(obj, "upload to a volume of");

    return table ? table->uploadVol(obj, vol, stream, offset, length, flags) : -1;
}

static int
download_volume(RlPoolObj *obj, RlVolDef *vol, void *stream, unsigned long long offset,
                unsigned long long length, unsigned flags)
{
    const RlTable *table = stock_of(obj, "download a volume of");

    return table ? table->downloadVol(obj, vol, stream, offset, length, flags) : -1;
}

static int
wipe_volume(RlPoolObj *obj, RlVolDef *vol, unsigned algorithm, unsigned flags)
{
    const RlTable *table = stock_of(obj, "wipe a volume of");

    return table ? table->wipeVol(obj, vol, algorithm, flags) : -1;
}

/* A pool of another type than 'dir' mounts a file system, on which a reflink pool may lie: it does
 * that as ever. */
static void
take_over(RlTable *table, int type)
{
    stock[type] = *table;
    if (type == RL_TYPE_DIR) {
        table->checkPool = check_pool;
        table->startPool = start_pool;
    }
    table->buildPool = build_pool;
    table->refreshPool = refresh_pool;
    table->deletePool = delete_pool;
    table->createVol = create_volume;
    table->buildVol = build_volume;
    table->buildVolFrom = build_volume_from;
    table->refreshVol = refresh_volume;
    table->deleteVol = delete_volume;
    table->resizeVol = resize_volume;
    table->uploadVol = upload_volume;
    table->downloadVol = download_volume;
    table->wipeVol = wipe_volume;
}

const char *
rl_stand_in_attach(const char *version)
{
    const char *missing = rl_calls_find(&calls);
    RlTable *tables[RL_TYPES];

    if (missing)
        return missing;
    snprintf(libvirt_version, sizeof(libvirt_version), "%s", version);
    for (int type = 0; type < RL_TYPES; type++) {
        tables[type] = calls.table(type);
        if (!tables[type] && type != RL_TYPE_DIR)
            virResetLastError(); /* a libvirt that was built without pools of that type */
        else if (!tables[type] || !rl_stand_in_is_table(tables[type], type))
            return "the table of functions (virStorageBackend)";
    }
    for (int type = 0; type < RL_TYPES; type++)
        if (tables[type])
            take_over(tables[type], type);
    return NULL;
}

const char *
rl_stand_in_prove(void)
{
    const char *wrong = rl_stand_in_attach("0.0.0");

    return wrong ? wrong : rl_stand_in_prove_calls(&calls);
}
