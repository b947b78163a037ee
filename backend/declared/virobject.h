/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Declared: see README.md in this folder. Counted objects, which are GLib's below. */
#pragma once

#include "internal.h"

typedef struct _virClass virClass;

typedef struct {
    GObject object;
} virObject;

virClass *virClassForObject(void);
virClass *virClassNew(virClass *parent, const char *name, size_t size, size_t parent_size,
                      void (*dispose)(void *object));

void *virObjectNew(virClass *class);
void virObjectUnref(void *object);
bool virObjectIsClass(void *object, virClass *class);
void virObjectLock(void *object);
void virObjectUnlock(void *object);
