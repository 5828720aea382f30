"""What settles by itself: the first placement, bootstrap of maintainers, the loss of a node, a new coordinator; and the judge's look at it.

Claims: a maintainer or coordinator that starts believes what the registered processes tell it, and needs an answer of each of them, so a
dead process that still holds its key blocks both.
"""

from collections import Counter


def place_first(cluster):
    """All work at once, evenly, as soon as the expected captures are there."""
    coordinator = cluster.coordinator()
    nodes = sorted((c for c in cluster.members() if c.up), key=lambda c: c.address)
    if cluster.placed or len(nodes) < cluster.expect or not coordinator or not coordinator.bootstrapped:
        return
    spans = 0
    for index, changefeed in enumerate(cluster.changefeeds.values()):
        node = nodes[index % len(nodes)]
        node.add_maintainer(changefeed)
        changefeed.maintainer = node.id
        for (_, mode), span in changefeed.spans.items():
            nodes[(spans + mode) % len(nodes)].add_dispatcher(span.key)
            spans += 1
        changefeed.adopt_truth(nodes)
    cluster.placed = True
    cluster.judge.event("placed", captures=len(nodes), changefeeds=len(cluster.changefeeds), spans=spans)


def bootstrap_maintainers(cluster, now):
    members = cluster.members()
    if not all(c.up for c in members):
        return
    for changefeed in cluster.changefeeds.values():
        node = cluster.registered(changefeed.maintainer)
        if node and not changefeed.bootstrapped and changefeed.id in node.maintainers and now >= changefeed.bootstrap_ms:
            changefeed.adopt_truth(members)


def take_over(cluster):
    """A new coordinator has bootstrapped: it knows where maintainers are, and nothing of the moves of its predecessor."""
    for changefeed in cluster.changefeeds.values():
        cluster.cancel_maintainer_operator(changefeed)
        home = next((c for c in cluster.members() if changefeed.id in c.maintainers), None)
        if home:
            changefeed.maintainer = home.id
        else:
            changefeed.lose_maintainer()


def notice_departures(cluster):
    """The coordinator marks maintainers of lost nodes absent, each living maintainer its spans."""
    coordinator = cluster.coordinator()
    for changefeed in cluster.changefeeds.values():
        if (coordinator and coordinator.bootstrapped and changefeed.maintainer and not cluster.registered(changefeed.maintainer)
                and changefeed.id not in cluster.maintainer_operators):
            changefeed.lose_maintainer()
    for changefeed, _ in cluster.living_maintainers():
        for span in changefeed.spans.values():
            if span.node and not cluster.registered(span.node) and span.key not in cluster.span_operators:
                span.node = ""


def judge_homes(cluster):
    """Tell the judge what must run and where it really runs."""
    if not cluster.placed:
        return
    running = [cf for cf in cluster.changefeeds.values() if cf.running()]
    wanted = []
    if not cluster.family.classic:
        wanted = [(cf.id, "maintainer") for cf in running] + [(cf.id, "trigger", mode) for cf in running for mode in cf.modes]
    wanted += [span.key for cf in running for span in cf.spans.values()]
    homes = Counter()
    for capture in cluster.captures:
        homes.update((cf, "maintainer") for cf in capture.maintainers)
        homes.update((cf, "trigger", mode) for cf, mode in capture.triggers)
        homes.update(capture.dispatchers)
    cluster.judge.homes(wanted, homes)
