# SPDX-License-Identifier: LGPL-2.1-or-later
"""What two hosts that share a pool are made of, for handover.py: what is on the disk, and what runs."""

# What a host's device model does for a domain.
RUNS = 'runs'                # a guest runs, which was started here, or whose arrival libvirt's status shows
JUST_RUNS = 'just runs'      # it arrived and runs, and libvirt's status does not say so yet
COMES = 'comes'              # waits for the memory of a migration
CAME = 'came'                # has the memory, and waits to be told to run
CAME_LATE = 'came late'      # the same, while the guest has gone on at its source
WENT = 'went'                # at the source, stopped: all memory was sent
WENT_RUNS = 'went, runs'     # the same, and it runs at the destination: that answer is on its way
RESUMED = 'resumed'          # at the source, after it was stopped so
ENDED = 'ended: '            # with what libvirt's status shows; the hook is still to be called

# What that status proves.
ORDINARY = 'ordinary'        # the guest ran, and never was stopped to go elsewhere
AFTER = 'after'              # the guest ran, after it was stopped to go elsewhere
CONFIRMED = 'confirmed'      # the destination has said that it has the guest
NEVER = 'never'              # a guest that was to come here never ran here
UNKNOWN = 'unknown'

RUNNING = (RUNS, JUST_RUNS, RESUMED)
MAY_WRITE = (RUNS, JUST_RUNS, RESUMED, WENT, WENT_RUNS, CAME, CAME_LATE)

# The token of a volume: one file, whose name says all this, so that each rename of it is a comparison as well.
FREE, OWN, LEFT = 'free', 'own', 'left'

HOSTS = 'AB'


class Violation(Exception):
    """A state that no rule may allow."""


class Run:
    """One record of a run: who made it, whether that host has been off since, and from which run its guest comes."""
    __slots__ = 'host', 'off_since', 'source'

    def __init__(self, host, off_since=False, source=None):
        self.host, self.off_since, self.source = host, off_since, source


class World:
    """One state. `volumes` are [token's kind, its run, awaited (the run that has it, the run that is to get it), doubt
    (the run that it is about), dirty image (the run that wrote last, whether two guests that have gone different ways
    wrote)]. `models` are what runs, by (domain, host): (state, run, run at the other end). `calls` is what the hook or
    a command on each host does next: (step, its data, the runs that it has seen)."""
    __slots__ = 'up', 'volumes', 'models', 'calls', 'runs', 'serial'

    @classmethod
    def first(cls, domains):
        world = cls()
        volumes = max(max(each) for each in domains.values()) + 1
        world.up = [True] * len(HOSTS)
        world.volumes = [[FREE, None, None, None, None] for _ in range(volumes)]
        world.models = {}
        world.calls = [None] * len(HOSTS)
        world.runs = {}
        world.serial = 0
        return world

    @classmethod
    def thaw(cls, state):
        world = cls()
        up, volumes, models, calls, runs = state
        world.up = list(up)
        world.volumes = [list(volume) for volume in volumes]
        world.models = dict(models)
        world.calls = list(calls)
        world.runs = {i: Run(*run) for i, run in enumerate(runs)}
        world.serial = len(runs)
        return world

    def new_run(self, host, source=None):
        self.runs[self.serial] = Run(host, source=source)
        self.serial += 1
        return self.serial - 1

    def doubt(self, number):
        """That of this run, or of the one that it came from: no other is about what the image is now."""
        kind, run, _, doubt, _ = self.volumes[number]
        return doubt if kind != FREE and doubt is not None and doubt in (run, self.runs[run].source) else None

    def freeze(self):
        """Equal for states that differ in the names of runs alone: so there is no end of runs, but one of states.
        An awaiting whose source does not have the token any more is void: no name leads to it."""
        names = {}

        def name(run):
            return None if run is None else names.setdefault(run, len(names))

        volumes = []
        for number, (kind, run, awaited, _, dirty) in enumerate(self.volumes):
            if awaited and (kind != OWN or awaited[0] != run):
                awaited = None
            volumes.append((kind, name(run), awaited and (name(awaited[0]), name(awaited[1])),
                            name(self.doubt(number)), dirty))
        calls = tuple(call and (call[0], call[1], tuple(name(run) for run in call[2])) for call in self.calls)
        told = len(names)
        models = tuple((key, (state, name(run), name(peer)))
                       for key, (state, run, peer) in sorted(self.models.items()))
        for i, volume in enumerate(volumes):
            dirty = volume[4]
            volumes[i] = volume[:4] + (dirty and (name(dirty[0]), dirty[1]),)
        # A record that no name on the disk, and no step, leads to says nothing more.
        runs = tuple((self.runs[run].host, self.runs[run].off_since, names.get(self.runs[run].source))
                     if i < told else (None, False, None) for run, i in names.items())
        return tuple(self.up), tuple(volumes), models, calls, runs

    # --- What runs

    def model(self, domain, host):
        return self.models.get((domain, host), (None, None, None))

    def set_model(self, domain, host, state, run=None, peer=None):
        if state is None:
            self.models.pop((domain, host), None)
        else:
            self.models[domain, host] = state, run, peer

    def has_model(self, host, run):
        """The host's own processes are what it can look at."""
        return any(where == host and its == run for (_, where), (_, its, _) in self.models.items())

    def of_run(self, run):
        """The state of the device model of @run, on whatever host."""
        return next((state for state, its, _ in self.models.values() if its == run), None)

    def may_write(self, state, peer):
        return state in MAY_WRITE or (state == COMES and self.of_run(peer) in (RUNS, RESUMED, WENT))

    def power_off(self, host):
        self.up[HOSTS.index(host)] = False
        self.calls[HOSTS.index(host)] = None
        self.models = {key: model for key, model in self.models.items() if key[1] != host}
        for run in self.runs.values():
            run.off_since = run.off_since or run.host == host
