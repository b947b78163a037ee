/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domain of the qemu driver that comes by a migration. libvirt says that it has started before
 * the first byte of it has come, and nothing when it runs: its status file has to be watched.
 * (libxl moves no disks, and says so when all of the memory has come.) */
#pragma once

#include "status-verdict.h"
#include "xml/domain.h"

/**
 * rl_arrival_settle:
 * @domain has just been started, and libvirt has written its status, which proves whether a
 * migration brings it. One that was announced may have failed before, and this is an ordinary
 * start: its volumes are a run's like any other then. One that was not announced, or not in time,
 * makes them arriving. False with @error where the domain must not run: an ordinary start on what
 * an earlier migration left that was broken off, and a migration onto what an earlier run has left,
 * or whose volumes cannot be noted as arriving. What cannot be read proves nothing: at the end of a
 * start that was announced nothing is committed or dropped.
 */
bool rl_arrival_settle(const RlDomain *domain, GError **error);

/**
 * rl_arrival_look:
 * Is @domain one that is to come by a migration, and @verdict, which its status file has, shows
 * that it has come? Then its volumes are a run's like any other. A failure is only logged: a person
 * is asked at the end.
 */
void rl_arrival_look(const RlDomain *domain, RlVerdict verdict);

/**
 * rl_arrival_watch:
 * Leaves a process behind that does that as soon as it can, if @domain is one that was to come by a
 * migration.
 */
void rl_arrival_watch(const RlDomain *domain);
