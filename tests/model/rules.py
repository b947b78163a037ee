# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the hook and the commands do, one step at a time. A step looks, or does one thing to the disk that happens
wholly or not at all. Between two steps anything may happen, for any time: the host may be cut off and come back,
the hook may be killed, the power may fail. No lock between hosts is modelled, since a host that is cut off can lose
it without a word: safety lies in the names that a step needs to be there.

Each function is a step: it returns the next one as (function's name, data, runs), or None at the end of the call.
`without` has the rules that are left out, to see what they are for."""

from world import (AFTER, COMES, CONFIRMED, ENDED, FREE, HOSTS, LEFT, NEVER, ORDINARY, OWN, RESUMED, RUNNING, RUNS,
                   UNKNOWN, Violation)


# What can be left out.
RULES = [
    'a foreign mark is in use',
    'an awaited image is not started',
    'a token is taken by its name',
    'the status after a switch-over proves less',
    'an unknown end does not end the awaiting',
    'an awaiting is taken back with proof',
    'a hand-over needs its proof',
    'the token is freed last',
    'a host is released with the word that it is off',
    'an earlier run is made one of this boot',
    'a hand-over without proof leaves doubt',
    'a released image goes to who awaits it',
    'a released run is the one that was shown',
    'a released awaiting leaves doubt',
    'a reboot takes no awaiting back',
    'an awaiting has no limit of time',
    'the status of a dead daemon proves nothing',
]
# As commands() names them; of the two in the middle one is enough.
COMMANDS = ['release', 'hand over or take back', 'continue', 'stop']


class Rules:
    def __init__(self, domains, without=frozenset()):
        self.domains, self.without = domains, without
        self.taken = set()

    @classmethod
    def steps(cls):
        """The names of all steps; two functions of the same form choose one."""
        return {name for name, each in vars(cls).items() if getattr(each, '__code__', None) and
                each.__code__.co_varnames[1:5] == ('world', 'host', 'data', 'runs')} - {'undo', 'prepare_fails'}

    def step(self, world, host):
        name, data, runs = world.calls[HOSTS.index(host)]
        self.taken.add(name)
        world.calls[HOSTS.index(host)] = getattr(self, name)(world, host, data, runs)

    # --- A start. The token first, then the image.

    def startable(self, world, host, volume):
        """What a start would take the token from, or None if it is refused."""
        kind, run, awaited, _, dirty = world.volumes[volume]
        foreign = kind == OWN and world.runs[run].host != host
        if foreign and 'a foreign mark is in use' not in self.without:
            return None
        if kind == OWN and not foreign and world.has_model(host, run):
            return None
        if awaited and awaited[0] == run and 'an awaited image is not started' not in self.without:
            return None
        if world.doubt(volume) is not None or (kind == FREE and dirty):
            return None
        return kind, run

    def can_start(self, world, host, domain):
        return world.model(domain, host)[0] is None and self.startable(world, host, self.domains[domain][0])

    def begin_start(self, world, host, domain):
        return self.start_look(world, host, (domain, 0), (world.new_run(host),))

    def start_look(self, world, host, data, runs):
        domain, i = data
        seen = self.startable(world, host, self.domains[domain][i])
        if not seen:
            return self.undo(world, host, (domain, i - 1), runs)
        return 'start_take', (domain, i, seen[0]), (runs[0], seen[1])

    def start_take(self, world, host, data, runs):
        domain, i, kind = data
        volume = world.volumes[self.domains[domain][i]]
        taken = (volume[0], volume[1]) == (kind, runs[1])
        if not taken and 'a token is taken by its name' not in self.without:
            return self.undo(world, host, (domain, i - 1), runs[:1])
        volume[0], volume[1] = OWN, runs[0]
        return 'start_image', (domain, i, kind), runs[:1]

    def start_image(self, world, host, data, runs):
        domain, i, kind = data
        volume = world.volumes[self.domains[domain][i]]
        if not volume[4]:
            volume[4] = runs[0], False
        elif kind == FREE:
            return self.undo(world, host, (domain, i), runs)
        elif volume[4][1]:
            raise Violation('a start goes on with what two guests wrote')
        if i + 1 < len(self.domains[domain]):
            return 'start_look', (domain, i + 1), runs
        for each in self.domains[domain]:
            self.require_alone(world, each, 'a guest is started on an image that another may write')
            world.volumes[each][4] = runs[0], False
        world.set_model(domain, host, RUNS, runs[0])
        return None

    def undo(self, world, host, data, runs):
        domain, i = data
        return ('undo_image', data, runs[:1]) if i >= 0 else None

    def undo_image(self, world, host, data, runs):
        volume = world.volumes[self.domains[data[0]][data[1]]]
        if volume[4] and volume[4][0] == runs[0]:
            volume[4] = None
        return 'undo_token', data, runs

    def undo_token(self, world, host, data, runs):
        domain, i = data
        volume = world.volumes[self.domains[domain][i]]
        if (volume[0], volume[1]) == (OWN, runs[0]):
            volume[0], volume[1] = (LEFT, runs[0]) if volume[4] else (FREE, None)
        return self.undo(world, host, (domain, i - 1), runs)

    # --- The end of a guest, by what libvirt's status proves.

    def begin_end(self, world, host, domain, proof, run):
        return self.end_look(world, host, (domain, 0, proof), (run,))

    def next_end(self, data, runs):
        domain, i, proof = data
        return ('end_look', (domain, i + 1, proof), runs[:1]) if i + 1 < len(self.domains[domain]) else None

    def end_look(self, world, host, data, runs):
        kind, run, awaited, _, _ = world.volumes[self.domains[data[0]][data[1]]]
        doubt = world.doubt(self.domains[data[0]][data[1]])
        proof, own = data[2], runs[0]
        if 'the status after a switch-over proves less' in self.without and proof == AFTER:
            proof = ORDINARY
        if 'an unknown end does not end the awaiting' in self.without and proof == UNKNOWN:
            proof = ORDINARY
        if (kind, run) != (OWN, own):
            back = proof == NEVER or ('an awaiting is taken back with proof' in self.without)
            return ('end_take_back', data, runs) if back and awaited and awaited[1] == own else \
                self.next_end(data, runs)
        if awaited and awaited[0] == own:
            if proof == CONFIRMED or 'a hand-over needs its proof' in self.without:
                return 'end_give', data, (own, awaited[1])
            if proof == ORDINARY:
                return 'end_refuse', data, runs
        elif proof == ORDINARY and doubt == own:
            return 'end_settle', data, runs
        elif proof in (ORDINARY, AFTER) and doubt is None:
            return self.first_of_commit(), data, runs
        return self.next_end(data, runs)

    def first_of_commit(self):
        return 'commit_image' if 'the token is freed last' not in self.without else 'commit_token'

    def end_take_back(self, world, host, data, runs):
        volume = world.volumes[self.domains[data[0]][data[1]]]
        if volume[2] and volume[2][1] == runs[0]:
            volume[2] = None
        return self.next_end(data, runs)

    def end_give(self, world, host, data, runs):
        volume = world.volumes[self.domains[data[0]][data[1]]]
        if (volume[0], volume[1]) == (OWN, runs[0]):
            volume[1] = runs[1]
        return self.next_end(data, runs)

    def end_refuse(self, world, host, data, runs):
        volume = world.volumes[self.domains[data[0]][data[1]]]
        if volume[2] and volume[2][0] == runs[0]:
            volume[2] = None
        return 'end_look', data, runs

    def end_settle(self, world, host, data, runs):
        world.volumes[self.domains[data[0]][data[1]]][3] = None
        return 'end_look', data, runs

    def commit_image(self, world, host, data, runs):
        number = self.domains[data[0]][data[1]]
        dirty = world.volumes[number][4]
        if dirty:
            self.require_alone(world, number, 'an image is committed that a guest may write')
            if dirty[1]:
                raise Violation('an image is committed that two guests wrote')
            if dirty[0] != runs[0] and data[2] != 'by hand':
                raise Violation('an image is committed that another run wrote')
        world.volumes[number][4] = None
        return ('commit_token', data, runs) if self.first_of_commit() == 'commit_image' else self.next_end(data, runs)

    def commit_token(self, world, host, data, runs):
        volume = world.volumes[self.domains[data[0]][data[1]]]
        if (volume[0], volume[1]) == (OWN, runs[0]):
            volume[0], volume[1] = FREE, None
        return self.next_end(data, runs) if self.first_of_commit() == 'commit_image' else ('commit_image', data, runs)

    def require_alone(self, world, number, what):
        for (domain, _), (state, _, peer) in world.models.items():
            if number in self.domains[domain] and world.may_write(state, peer):
                raise Violation(what)

    # --- A guest is to come: the destination's `prepare`.

    def can_prepare(self, world, host, domain, source_run):
        kind, run, awaited, _, _ = world.volumes[self.domains[domain][0]]
        doubt = world.doubt(self.domains[domain][0])
        return (kind, run) == (OWN, source_run) and not (awaited and awaited[0] == run) and doubt is None

    def begin_prepare(self, world, host, domain, source_run):
        return self.prepare_look(world, host, (domain, 0), (world.new_run(host, source_run), source_run))

    def prepare_look(self, world, host, data, runs):
        kind, run, awaited, _, _ = world.volumes[self.domains[data[0]][data[1]]]
        doubt = world.doubt(self.domains[data[0]][data[1]])
        if (kind, run) != (OWN, runs[1]) or (awaited and awaited[0] == run) or doubt is not None:
            return self.prepare_fails(world, host, data, runs)
        return 'prepare_announce', data, runs

    def prepare_announce(self, world, host, data, runs):
        volume = world.volumes[self.domains[data[0]][data[1]]]
        if (volume[0], volume[1]) == (OWN, runs[1]):
            if volume[2] and volume[2][0] == runs[1]:
                return self.prepare_fails(world, host, data, runs)
            volume[2] = runs[1], runs[0]
        return 'prepare_look_again', data, runs

    def prepare_look_again(self, world, host, data, runs):
        domain, i = data
        volume = world.volumes[self.domains[domain][i]]
        if (volume[0], volume[1]) != (OWN, runs[1]) or volume[2] != (runs[1], runs[0]):
            return self.prepare_fails(world, host, data, runs)
        if i + 1 < len(self.domains[domain]):
            return 'prepare_look', (domain, i + 1), runs
        world.set_model(domain, host, COMES, runs[0], runs[1])
        return None

    def prepare_fails(self, world, host, data, runs):
        """qemu's driver calls `release` after a `prepare` that failed, too."""
        world.set_model(data[0], host, ENDED + NEVER, runs[0])
        return None

    # --- Commands. What an administrator gives his word for is true: `off_since` is what he knows.

    def commands(self, world, host):
        """(what it is called, the call that begins it) for each that is not refused on @host now."""
        other = HOSTS[1 - HOSTS.index(host)]
        for number, (kind, run, awaited, _, _) in enumerate(world.volumes):
            doubt = world.doubt(number)
            awaits = awaited is not None and awaited[0] == run
            own = kind == OWN and world.runs[run].host == host
            if kind == OWN and not own and self.has_word(world, run):
                steps = ('release_doubt', (number,), (run, awaited[1])) if awaits else \
                    ('release_token', (number,), (run,))
                yield f'release --host {other} --fenced', steps
            if awaits and own and world.runs[awaited[1]].host == other and self.has_word(world, awaited[1]):
                yield f'release --host {other} --fenced', ('release_awaiting', (number,), awaited)
            if awaits and world.runs[awaited[1]].host == host and not world.has_model(host, awaited[1]):
                yield 'take back', ('release_awaiting', (number,), awaited)
            if awaits and own and not world.has_model(host, run):
                yield 'hand over', ('release_doubt', (number,), (run, awaited[1]))
            alone = kind == LEFT or (own and not world.has_model(host, run))
            if alone and not awaits and doubt is not None:
                yield 'continue', ('continue_', (number,), (doubt,))
            if own and alone and not awaits and doubt is None:
                yield 'stop', ('stop_take', (self.domain_of(number), 0, 'by hand'), (run,))

    def domain_of(self, number):
        """A command is for one volume: as if a domain had that alone."""
        return next(name for name, volumes in self.domains.items() if volumes == (number,))

    def has_word(self, world, run):
        return world.runs[run].off_since or 'a host is released with the word that it is off' in self.without

    def stop_take(self, world, host, data, runs):
        """A run of an earlier boot, which an administrator may have released by now: so it becomes one of this."""
        volume = world.volumes[self.domains[data[0]][0]]
        if (volume[0], volume[1]) != (OWN, runs[0]):
            return None
        if 'an earlier run is made one of this boot' in self.without:
            return self.first_of_commit(), data, runs
        volume[1] = world.new_run(host)
        return self.first_of_commit(), data, (volume[1],)

    def release_doubt(self, world, host, data, runs):
        volume = world.volumes[data[0]]
        if 'a hand-over without proof leaves doubt' not in self.without and (volume[0], volume[1]) == (OWN, runs[0]):
            volume[3] = runs[0]
        return 'release_give', data, runs

    def release_give(self, world, host, data, runs):
        volume = world.volumes[data[0]]
        if (volume[0], volume[1]) == (OWN, runs[0]):
            if 'a released image goes to who awaits it' in self.without:
                volume[0] = LEFT
            else:
                volume[1] = runs[1]
        return None

    def release_token(self, world, host, data, runs):
        volume = world.volumes[data[0]]
        any_run = 'a released run is the one that was shown' in self.without and \
            volume[0] == OWN and world.runs[volume[1]].host == world.runs[runs[0]].host
        if any_run or (volume[0], volume[1]) == (OWN, runs[0]):
            volume[0] = LEFT
        return None

    def release_awaiting(self, world, host, data, runs):
        volume = world.volumes[data[0]]
        if volume[2] == tuple(runs):
            volume[2] = None
            if 'a released awaiting leaves doubt' not in self.without:
                volume[3] = runs[0]
        return None

    def continue_(self, world, host, data, runs):
        volume = world.volumes[data[0]]
        if volume[3] != runs[0]:
            return None
        self.require_alone(world, data[0], 'an image is decided about that a guest may write')
        volume[3] = None
        if volume[4]:
            volume[4] = volume[4][0], False
        return None


def is_wrong(world, domains):
    """What is wrong with the state itself."""
    for number, (kind, _, _, _, _) in enumerate(world.volumes):
        users = [(key, model) for key, model in world.models.items() if number in domains[key[0]]]
        if kind != OWN and any(world.may_write(state, peer) for _, (state, _, peer) in users):
            return 'an image belongs to nobody, and a guest may write it'
        running = [(domain, state) for (domain, _), (state, _, _) in users if state in RUNNING]
        # libvirt itself lets two halves of one migration run where the answer is lost.
        if len(running) > 1 and (len({domain for domain, _ in running}) > 1 or
                                 not any(state == RESUMED for _, state in running)):
            return 'two guests write an image'
    return None
