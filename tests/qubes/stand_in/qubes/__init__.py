# SPDX-License-Identifier: LGPL-2.1-or-later
"""A stand-in for qubes-core-admin, which Debian has no package of: see storage.py."""
