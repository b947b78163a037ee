/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xml-text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *reference;
    char character;
} references[] = {
    {"&amp;", '&'},  {"&lt;", '<'},  {"&gt;", '>'},   {"&apos;", '\''},
    {"&quot;", '"'}, {"&#9;", '\t'}, {"&#10;", '\n'}, {"&#13;", '\r'},
};
#define REFERENCES (sizeof(references) / sizeof(references[0]))
#define REFERENCE_MAX 6

char *
rl_xml_text_element(const char *text, const char *parent, const char *name)
{
    char tag[64];

    if (parent) {
        snprintf(tag, sizeof(tag), "<%s>", parent);
        if (!(text = strstr(text, tag)))
            return NULL;
    }
    int length = snprintf(tag, sizeof(tag), "<%s>", name);
    const char *begin = strstr(text, tag);
    if (!begin)
        return NULL;
    begin += length;
    return strndup(begin, strcspn(begin, "<"));
}

char *
rl_xml_text_decode(const char *written)
{
    char *plain = malloc(strlen(written) + 1), *to = plain;

    while (plain && *written) {
        size_t i = 0, length = 1;
        if (*written == '&') {
            for (; i < REFERENCES; i++) {
                length = strlen(references[i].reference);
                if (strncmp(written, references[i].reference, length) == 0)
                    break;
            }
            if (i == REFERENCES) {
                free(plain);
                return NULL;
            }
            *to++ = references[i].character;
        } else {
            *to++ = *written;
        }
        written += length;
    }
    if (plain)
        *to = '\0';
    return plain;
}

/* How many bytes the character at @text has; 0 where that is none, or none that XML has. The
 * smallest code of each length keeps one from being written in two ways. */
static size_t
character_length(const unsigned char *text)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = *text < 0x80 ? 1 : *text >> 5 == 6 ? 2 : *text >> 4 == 14 ? 3 : 4;

    if (length == 1)
        return *text >= 0x20 && *text != 0x7f ? 1 : 0;
    if (length == 4 && *text >> 3 != 30)
        return 0;
    uint32_t code = *text & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if (text[i] >> 6 != 2)
            return 0;
        code = code << 6 | (text[i] & 0x3f);
    }
    if (code < smallest[length] || code > 0x10ffff || code < 0xa0 ||
        (code >= 0xd800 && code < 0xe000) || code == 0xfffe || code == 0xffff)
        return 0;
    return length;
}

static const char *
reference_of(char character)
{
    for (size_t i = 0; i < REFERENCES; i++)
        if (references[i].character == character)
            return references[i].reference;
    return NULL;
}

char *
rl_xml_text_encode(const char *plain)
{
    char *written = malloc(strlen(plain) * REFERENCE_MAX + 1), *to = written;

    while (written && *plain) {
        const char *reference = reference_of(*plain);
        size_t length = character_length((const unsigned char *) plain);
        if (length == 0) {
            free(written);
            return NULL;
        }
        if (reference)
            to = stpcpy(to, reference);
        else
            to = mempcpy(to, plain, length);
        plain += length;
    }
    if (written)
        *to = '\0';
    return written;
}

char *
rl_xml_text_escape(const char *value)
{
    char *written = malloc(strlen(value) * REFERENCE_MAX + 1), *to = written;

    for (; written && *value; value++) {
        const char *reference = reference_of(*value);
        if (reference)
            to = stpcpy(to, reference);
        else
            *to++ = *value;
    }
    if (written)
        *to = '\0';
    return written;
}
