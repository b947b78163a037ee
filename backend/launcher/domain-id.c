/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "domain-id.h"

#include <stddef.h>
#include <string.h>

/* What XML has between the words of a tag. */
#define SPACE " \t\r\n"

/* What stands behind @word, at which @text begins behind space; NULL where it does not. */
static const char *
after(const char *text, const char *word)
{
    if (!text)
        return NULL;
    text += strspn(text, SPACE);
    return strncmp(text, word, strlen(word)) == 0 ? text + strlen(word) : NULL;
}

static bool
read_uuid(const char *text, RlDomainId *id)
{
    if (!text || strspn(text, "0123456789abcdef-") != RL_DOMAIN_UUID_LENGTH ||
        !after(text + RL_DOMAIN_UUID_LENGTH, "</uuid>"))
        return false;
    for (size_t i = 0; i < RL_DOMAIN_UUID_LENGTH; i++)
        if ((text[i] == '-') != (i == 8 || i == 13 || i == 18 || i == 23))
            return false;
    memcpy(id->uuid, text, RL_DOMAIN_UUID_LENGTH);
    id->uuid[RL_DOMAIN_UUID_LENGTH] = '\0';
    return true;
}

bool
rl_domain_id_read(const char *text, RlDomainId *ret_id)
{
    const char *type = after(text, "<domain type='"), *end = type ? strchr(type, '>') : NULL;
    const char *namespace = type ? strstr(type, "xmlns") : NULL;

    if (!end || (namespace && namespace < end))
        return false;
    ret_id->driver = strncmp(type, "xen'", 4) == 0 ? "libxl" : "qemu";
    const char *name = after(end + 1, "<name>");
    const char *name_end = name ? strchr(name, '<') : NULL;
    return read_uuid(after(after(name_end, "</name>"), "<uuid>"), ret_id);
}
