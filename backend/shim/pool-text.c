/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pool-text.h"

#include <libvirt/virterror.h>
#include <string.h>

#include "scope.h"
#include "stand-in-options.h"
#include "table.h"
#include "xml-text.h"

static int
type_of(const char *text)
{
    static const char *const tags[RL_TYPES] = {
        [RL_TYPE_DIR] = "<pool type='dir'",
        [RL_TYPE_FS] = "<pool type='fs'",
        [RL_TYPE_NETFS] = "<pool type='netfs'",
    };

    for (int i = 0; i < RL_TYPES; i++)
        if (strncmp(text, tags[i], strlen(tags[i])) == 0)
            return i;
    return -1;
}

bool
rl_pool_text(const RlCalls *calls, RlPoolObj *obj, RlPoolText *ret_pool)
{
    auto_free char *text = calls->format_pool(calls->pool_def(obj));

    *ret_pool = (RlPoolText){.type = text ? type_of(text) : -1};
    if (ret_pool->type < 0)
        return false;
    ret_pool->written_name = rl_xml_text_element(text, NULL, "name");
    ret_pool->written_path = rl_xml_text_element(text, "target", "path");
    if (!ret_pool->written_name || !ret_pool->written_path)
        return false;
    ret_pool->name = rl_xml_text_decode(ret_pool->written_name);
    ret_pool->path = rl_xml_text_decode(ret_pool->written_path);
    if (!ret_pool->name || !ret_pool->path)
        return false;
    ret_pool->place = rl_place(ret_pool->path);
    if (ret_pool->place == RL_PLACE_ELSEWHERE && strstr(text, "='" RL_OPTIONS_NAMESPACE "'"))
        ret_pool->place = RL_PLACE_POOL; /* not built, or its file system is not mounted */
    return true;
}

void
rl_pool_text_free(RlPoolText *pool)
{
    free(pool->written_name);
    free(pool->written_path);
    free(pool->name);
    free(pool->path);
}

RlPlace
rl_pool_text_volume_place(const RlCalls *calls, RlPoolObj *obj, RlVolDef *volume)
{
    auto_free char *text = calls->format_volume(calls->pool_def(obj), volume);
    auto_free char *written = text ? rl_xml_text_element(text, "target", "path") : NULL;
    auto_free char *path = written ? rl_xml_text_decode(written) : NULL;

    if (!text)
        virResetLastError(); /* one of a type of pools with other formats */
    return path ? rl_place_of_file(path) : RL_PLACE_ELSEWHERE;
}
