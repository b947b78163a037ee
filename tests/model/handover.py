#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The hand-over of volumes between two hosts (docs/hosts.md), explored exhaustively.

    handover.py          all states; then each rule and command is left out, and that has to be found. A minute
    handover.py --more   more states of a domain with two volumes: some minutes
    handover.py --list   the rules and commands
    handover.py NAME     leaves this one out, and prints the shortest way to what goes wrong
    handover.py --table  what may lie on the disk while nothing runs, and what each host may do with it
"""

import gc
import sys

from rules import COMMANDS, RULES, Rules, is_wrong
from world import (AFTER, CAME, CAME_LATE, COMES, CONFIRMED, ENDED, FREE, HOSTS, JUST_RUNS, LEFT, NEVER, ORDINARY,
                   RESUMED, RUNS, UNKNOWN, WENT, WENT_RUNS, Violation, World)

# (The domains and their volumes, how many mishaps at most.) A command is for one volume: so each is one domain's alone.
ONE = {'vm': (0,), 'other': (0,)}, None
TWO = {'vm': (0, 1), 'first': (0,), 'second': (1,)}, 1
TWO_MORE = TWO[0], 2
DOMAINS_STARTED = 'vm', 'other'

# What a thing that happens is, beside.
BEGINS, ENDS, MISHAP, ENDING_MISHAP = range(4)


class Model:
    """All states of @domains with @without; where @mishaps is a number, those with so many at most."""

    def __init__(self, domains, without=frozenset(), mishaps=None):
        self.domains, self.without, self.mishaps = domains, without, mishaps
        self.rules = Rules(domains, without)
        self.ways = {}      # state -> (the state before, what happened)
        self.ending = {}    # state -> [(command or None, a state that it or an end of something leads to)]

    def events(self, world):
        """(what happens, what it is beside, the command if it is one, a function that does it to a copy)"""
        for host in HOSTS:
            if not world.up[HOSTS.index(host)]:
                yield f'{host} boots', BEGINS if any(world.up) else ENDS, None, \
                    lambda w, host=host: self.boot(w, host)
                continue
            yield f'{host} loses power', MISHAP, None, lambda w, host=host: w.power_off(host)
            call = world.calls[HOSTS.index(host)]
            if call:
                yield f'{host}: {call[0]} {call[1]}', ENDS, None, lambda w, host=host: self.rules.step(w, host)
                yield f'{host}: the hook or command is killed', ENDING_MISHAP, None, \
                    lambda w, host=host: self.set_call(w, host, None)
            else:
                yield from self.calls(world, host)
        for (domain, host), model in world.models.items():
            for what, beside, change in self.goes(world, domain, host, *model):
                yield what, beside, None, change

    def set_call(self, world, host, call):
        world.calls[HOSTS.index(host)] = call

    def boot(self, world, host):
        world.up[HOSTS.index(host)] = True
        if 'a reboot takes no awaiting back' in self.without:
            for volume in world.volumes:
                if volume[2] and world.runs[volume[2][1]].host == host:
                    volume[2] = None

    def calls(self, world, host):
        """What can begin on a host whose hook does nothing."""
        other = HOSTS[1 - HOSTS.index(host)]
        for domain in self.domains:
            state, run, _ = world.model(domain, host)
            if domain in DOMAINS_STARTED and self.rules.can_start(world, host, domain):
                yield f'{host}: {domain} is started', BEGINS, None, lambda w, domain=domain: self.set_call(
                    w, host, self.rules.begin_start(w, host, domain))
            source, source_run, _ = world.model(domain, other)
            if state is None and source in (RUNS, RESUMED) and \
                    self.rules.can_prepare(world, host, domain, source_run):
                yield f'{domain} is to migrate from {other} to {host}', BEGINS, None, \
                    lambda w, domain=domain, run=source_run: self.set_call(
                        w, host, self.rules.begin_prepare(w, host, domain, run))
            if state and state.startswith(ENDED):
                def end(w, domain=domain, proof=state[len(ENDED):], run=run):
                    w.set_model(domain, host, None)
                    self.set_call(w, host, self.rules.begin_end(w, host, domain, proof, run))
                yield f'{host}: release of {domain} ({state})', ENDS, None, end
        for name, call in self.rules.commands(world, host):
            yield f'{host}: virt-reflink {name}', ENDS, name.split(' --')[0], \
                lambda w, call=call: self.set_call(w, host, call)
        for number, volume in enumerate(world.volumes):
            if 'an awaiting has no limit of time' in self.without and volume[2]:
                yield f'{host}: the awaiting is too old', ENDS, None, \
                    lambda w, number=number: w.volumes[number].__setitem__(2, None)

    def goes(self, world, domain, host, state, run, peer):
        """What libvirt, QEMU and the guest do by themselves."""
        other = HOSTS[1 - HOSTS.index(host)]
        there, _, there_peer = world.model(domain, other)

        def to(new, what, beside=BEGINS, and_then=None):
            def change(w):
                w.set_model(domain, host, new, run, peer)
                if and_then:
                    and_then(w)
            return f'{domain} on {host}: {what}', beside, change

        def ends(proof, what='ends', beside=ENDS):
            return to(ENDED + proof, f'{what} ({proof})', beside)

        def came_late(w):
            if there == CAME and there_peer == run:
                w.set_model(domain, other, CAME_LATE, *w.model(domain, other)[1:])
            self.write(w, domain, run)

        if state == RUNS:
            yield ends(ORDINARY)
        elif state == JUST_RUNS:
            yield to(RUNS, 'libvirt notes that it runs', ENDS)
            dead = NEVER if 'the status of a dead daemon proves nothing' in self.without else UNKNOWN
            yield ends(dead, 'ends, and the daemon was restarted', ENDING_MISHAP)
        elif state == COMES:
            yield ends(NEVER, 'the migration fails')
            if there in (RUNS, RESUMED) and world.model(domain, other)[1] == peer:
                yield to(CAME, 'has the memory; the source stands', BEGINS, lambda w: w.set_model(
                    domain, other, WENT, *w.model(domain, other)[1:]))
        elif state in (CAME, CAME_LATE):
            yield ends(NEVER, 'libvirt cannot start its processors')
            yield to(JUST_RUNS, 'is told to run, and runs', BEGINS, lambda w: self.arrive(w, domain, host, run, peer))
        elif state in (WENT, WENT_RUNS):
            if state == WENT_RUNS:
                yield ends(CONFIRMED)
            yield ends(UNKNOWN, 'is killed')
            yield to(RESUMED, 'goes on here, by libvirt or a person', MISHAP, came_late)
        elif state == RESUMED:
            yield ends(AFTER)
        else:
            yield to(None, 'the call of the hook is lost', ENDING_MISHAP)
            if state != ENDED + UNKNOWN:
                yield ends(UNKNOWN, 'how is not known any more', ENDING_MISHAP)

    def write(self, world, domain, run):
        """A guest writes that may not be alone: so it is where another copy of it has written."""
        for number in self.domains[domain]:
            dirty = world.volumes[number][4]
            if dirty:
                world.volumes[number][4] = (dirty[0], dirty[1] or dirty[0] != run)

    def arrive(self, world, domain, host, run, peer):
        late = world.model(domain, host)[0] == CAME_LATE
        other = HOSTS[1 - HOSTS.index(host)]
        source, source_run, source_peer = world.model(domain, other)
        if source == WENT and source_run == peer:
            world.set_model(domain, other, WENT_RUNS, source_run, source_peer)
        for number in self.domains[domain]:
            dirty = world.volumes[number][4]
            if dirty:
                world.volumes[number][4] = (run, dirty[1] or late)

    def explore(self):
        """None, or (what is wrong, the state before, what happened)."""
        first = World.first(self.domains).freeze(), 0
        self.ways = {first: None}
        queue = [first]
        for state in queue:
            frozen, mishaps = state
            ending = self.ending[state] = []
            for what, beside, command, change in self.events(World.thaw(frozen)):
                is_mishap = self.mishaps is not None and beside in (MISHAP, ENDING_MISHAP)
                if is_mishap and mishaps == self.mishaps:
                    continue
                world = World.thaw(frozen)
                try:
                    change(world)
                except Violation as wrong:
                    return str(wrong), state, what
                after = world.freeze(), mishaps + is_mishap
                if after not in self.ways:
                    self.ways[after] = state, what
                    wrong = is_wrong(world, self.domains)
                    if wrong:
                        return wrong, state, what
                    queue.append(after)
                if beside in (ENDS, ENDING_MISHAP):
                    ending.append((command, after))
        return self.find_stuck()

    def find_stuck(self, without=()):
        """Whatever was so, what runs may end and commands (but those of @without) be typed until each volume can be
        started. No host loses power for that, and one that is off stays off as long as there is another."""
        before = {}
        for state, after in self.ending.items():
            for command, each in after:
                if command not in without:
                    before.setdefault(each, []).append(state)
        reached = {state for state in self.ways if self.is_at_rest(state[0])}
        queue = list(reached)
        for state in queue:
            for each in before.get(state, ()):
                if each not in reached:
                    reached.add(each)
                    queue.append(each)
        stuck = next((state for state in self.ways if state not in reached), None)
        return stuck and ('a volume can never be started again', stuck, None)

    def is_at_rest(self, state):
        up, volumes, models, calls, _ = state
        return any(up) and not models and not any(calls) and all(
            kind in (FREE, LEFT) and doubt is None and not (kind == FREE and dirty)
            for kind, _, _, doubt, dirty in volumes)

    def way_to(self, state, what):
        steps = [what] if what else []
        while self.ways[state]:
            state, what = self.ways[state]
            steps.insert(0, what)
        return steps

    def tell(self, wrong):
        what, state, last = wrong
        for i, step in enumerate(self.way_to(state, last), 1):
            print(f'{i:4} {step}')
        print(f'   : {what}\n     after {state[0]}')

    def print_table(self):
        """Of the first volume, while nothing runs and no call is under way, and both hosts are on."""
        rows = set()
        for (up, volumes, models, calls, runs), _ in self.ways:
            if not all(up) or models or any(calls):
                continue
            world = World.thaw((up, volumes, models, calls, runs))
            kind, run, awaited, doubt, dirty = volumes[0]

            def who(number):
                return f'{runs[number][0]}{", which was off since" if runs[number][1] else ""}'
            can = [f'{host}: {name}' for host in HOSTS
                   for name in sorted({name for name, _ in self.rules.commands(world, host)} |
                                      ({'start'} if self.rules.can_start(world, host, 'vm') else set()))]
            token = kind + (f' by {who(run)}' if kind == 'own' else '')
            if token.startswith('own by B'):
                continue # as with the names of the hosts exchanged
            rows.add((token, f'awaited by {who(awaited[1])}' if awaited else '', 'doubt' if doubt is not None else '',
                      'dirty' if dirty else 'no dirty', '; '.join(can)))
        for row in sorted(rows):
            print(' | '.join(row))


def check(name, variant):
    """Prints how many states there are. All of them, or the end."""
    model = Model(*variant[:1], mishaps=variant[1])
    wrong = model.explore()
    print(f'{name}: {len(model.ways)} states', flush=True)
    if wrong:
        model.tell(wrong)
        sys.exit(1)
    return model


def main(arguments):
    gc.disable() # what is made here stays, or has no cycles
    if arguments == ['--list']:
        print('\n'.join(RULES + COMMANDS))
    elif arguments == ['--table']:
        check('one volume, two domains', ONE).print_table()
    elif arguments == ['--more']:
        check('two volumes, two mishaps at most', TWO_MORE)
    elif len(arguments) == 1 and arguments[0] in COMMANDS:
        model = check('one volume, two domains', ONE)
        model.tell(model.find_stuck(arguments[0].split(' or ')))
    elif len(arguments) == 1 and arguments[0] in RULES:
        model = Model(ONE[0], frozenset(arguments))
        model.tell(model.explore())
    elif arguments:
        sys.exit(__doc__)
    else:
        model = check('one volume, two domains', ONE)
        two = check('two volumes, one mishap at most', TWO)
        never = Rules.steps() - model.rules.taken - two.rules.taken
        if never:
            sys.exit('steps that nothing leads to: ' + ', '.join(sorted(never)))
        needless = [name for name in COMMANDS if not model.find_stuck(name.split(' or '))]
        for rule in RULES:
            model = Model(ONE[0], frozenset([rule]))
            wrong = model.explore()
            if wrong:
                print(f'without "{rule}": {wrong[0]}, after {len(model.way_to(*wrong[1:]))} steps', flush=True)
            else:
                needless.append(rule)
        if needless:
            sys.exit('nothing goes wrong without: ' + ', '.join(needless))


main(sys.argv[1:])
