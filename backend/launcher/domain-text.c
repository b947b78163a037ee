/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "domain-text.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* What XML has between the words of a tag. */
#define SPACE " \t\r\n"

typedef struct {
    RlDomainLook *found;
    RlImageLook look;
    bool in_disk;
    char *what;
    unsigned size;
} Scan;

/* A stretch of the text. */
typedef struct {
    const char *at;
    size_t length;
} Word;

static bool
is(Word word, const char *other)
{
    return strlen(other) == word.length && strncmp(word.at, other, word.length) == 0;
}

static const char *
after_space(const char *text)
{
    return text + strspn(text, SPACE);
}

static void
suspect(Scan *scan, RlImageDoubt doubt, Word word)
{
    if (doubt <= scan->found->doubt)
        return;
    scan->found->doubt = doubt;
    snprintf(scan->what, scan->size, "'%.*s'",
             (int) (word.length < PATH_MAX ? word.length : PATH_MAX), word.at);
}

/* @value has a slash. What is relative counts from "/", where libvirt's daemon works. */
static RlImageDoubt
look_at_path(Scan *scan, Word value)
{
    char path[PATH_MAX];
    bool absolute = value.at[0] == '/';

    if (memchr(value.at, '&', value.length))
        return absolute || value.at[0] == '&' ? RL_IMAGE_MAYBE : RL_IMAGE_DOUBT;
    if (value.length + 2 > sizeof(path))
        return absolute ? RL_IMAGE_MAYBE : RL_IMAGE_DOUBT;
    snprintf(path, sizeof(path), "%s%.*s", absolute ? "" : "/", (int) value.length, value.at);
    return rl_image_look_at(&scan->look, path);
}

/* The image of a disk, which the hook program refuses if it is relative. */
static bool
is_image(const Scan *scan, Word element, Word attribute)
{
    return scan->in_disk && !is(element, "target") &&
           (is(attribute, "file") || is(attribute, "dev"));
}

/* @attribute is empty for the text of an element. */
static void
look_at_value(Scan *scan, Word element, Word attribute, Word value)
{
    if (value.length == 0)
        return;
    if (is(attribute, "pool")) {
        suspect(scan, RL_IMAGE_MAYBE, value);
        return;
    }
    if (is_image(scan, element, attribute) && value.at[0] != '/')
        suspect(scan, RL_IMAGE_DOUBT, value);
    /* A slash can be written as a character reference. */
    if (memchr(value.at, '/', value.length) || memmem(value.at, value.length, "&#", 2))
        suspect(scan, look_at_path(scan, value), value);
}

/* Looks at the attributes of the tag of @element, from @text on. Returns what ends the tag; NULL
 * where it does not end. */
static const char *
scan_attributes(Scan *scan, Word element, const char *text)
{
    for (text = after_space(text); *text && *text != '>' && *text != '/';
         text = after_space(text)) {
        Word name = {text, strcspn(text, SPACE "=<>/'\"&")};
        text = after_space(text + name.length);
        if (name.length == 0 || *text != '=')
            return NULL;
        text = after_space(text + 1);
        const char *end = *text == '\'' || *text == '"' ? strchr(text + 1, *text) : NULL;
        Word value = {text + 1, end ? (size_t) (end - text - 1) : 0};
        if (!end || memchr(value.at, '<', value.length))
            return NULL;
        look_at_value(scan, element, name, value);
        text = end + 1;
    }
    return *text == '>' || strncmp(text, "/>", 2) == 0 ? text : NULL;
}

/* What is for people, and may be anything: libvirt does not read it. */
static const char *
after_metadata(const char *text)
{
    const char *end = strchr(text, '>');

    if (!end)
        return NULL;
    return end[-1] == '/' ? end + 1 : strstr(end, "</metadata>");
}

/* Looks at the tag that begins at @text, "<". Returns what stands behind it; NULL where it is none
 * of libvirt's. */
static const char *
scan_tag(Scan *scan, const char *text)
{
    bool closing = text[1] == '/';
    Word name = {text + (closing ? 2 : 1), 0};

    name.length = strcspn(name.at, SPACE "<>/='\"&!?");
    if (name.length == 0)
        return NULL;
    if (!closing && is(name, "metadata"))
        return after_metadata(text);
    /* Words for the emulator. */
    if (memchr(name.at, ':', name.length))
        suspect(scan, RL_IMAGE_DOUBT, name);
    const char *end = scan_attributes(scan, name, name.at + name.length);
    if (!end)
        return NULL;
    bool empty = *end == '/';
    if (is(name, "disk") && !empty)
        scan->in_disk = !closing;
    scan->found->layers |=
        !closing && ((is(name, "backingStore") && !empty) || is(name, "dataStore"));
    return end + (empty ? 2 : 1);
}

/* Is it one XML document of a domain, from the first character to the last? */
static bool
is_whole(const char *text)
{
    static const char first[] = "<domain", last[] = "</domain>";
    const char *begin = after_space(text), *end = text + strlen(text);

    while (end > begin && strchr(SPACE, end[-1]))
        end--;
    return strncmp(begin, first, sizeof(first) - 1) == 0 &&
           strchr(SPACE ">", begin[sizeof(first) - 1]) && end - begin > (ptrdiff_t) sizeof(last) &&
           strncmp(end - (sizeof(last) - 1), last, sizeof(last) - 1) == 0;
}

static void
scan_all(Scan *scan, const char *text)
{
    const Word none = {"", 0};

    for (text = after_space(text); text && *text;) {
        if (*text == '<') {
            text = scan_tag(scan, text);
            continue;
        }
        Word words = {text, strcspn(text, "<")};
        text += words.length;
        while (words.length > 0 && strchr(SPACE, words.at[words.length - 1]))
            words.length--;
        size_t space = strspn(words.at, SPACE);
        words = (Word){words.at + space, words.length > space ? words.length - space : 0};
        look_at_value(scan, none, none, words);
    }
    if (text)
        return;
    scan->found->doubt = RL_IMAGE_MAYBE;
    scan->what[0] = '\0';
}

void
rl_domain_text_look(const char *text, RlDomainLook *ret_look, char *what, unsigned size)
{
    Scan scan = {.found = ret_look, .what = what, .size = size};

    *ret_look = (RlDomainLook){.doubt = RL_IMAGE_NONE};
    what[0] = '\0';
    if (text && is_whole(text))
        scan_all(&scan, text);
    else
        ret_look->doubt = RL_IMAGE_MAYBE;
    if (ret_look->doubt != RL_IMAGE_NONE && !what[0])
        snprintf(what, size, "which is unknown without its XML");
}
