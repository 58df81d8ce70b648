"""Order and ways in the graph of nodes; works on names and links alone."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Mapping, Sequence

from gen3nb.dictionary.elements import Node, Step

__all__ = ["shortest_paths", "submission_order"]

# Where several nodes could come next, these do.
_FIRST = {"program": 0, "project": 1}


def submission_order(nodes: Mapping[str, Node]) -> list[str]:
    """Order nodes so that parents stand before children.

    Links of a node to itself, and to nodes that are not there, do not count. In a ring of nodes the one with
    the fewest parents still to come is taken first.

    Parameters
    ----------
    nodes : Mapping of str to Node

    Returns
    -------
    list of str
        program and project first; otherwise the order in which their parents stand, then by name.
    """
    waiting = {
        name: {link.target for link in node.links if link.target in nodes and link.target != name}
        for name, node in nodes.items()
    }
    children: dict[str, list[str]] = {name: [] for name in nodes}
    for name, parents in waiting.items():
        for parent in parents:
            children[parent].append(name)
    ready = [(_FIRST.get(name, 2), name) for name, parents in waiting.items() if not parents]
    heapq.heapify(ready)
    ordered: list[str] = []
    while waiting:
        if ready:
            _, name = heapq.heappop(ready)
        else:
            name = min(waiting, key=lambda one: (len(waiting[one]), _FIRST.get(one, 2), one))
        if waiting.pop(name, None) is None:
            continue
        ordered.append(name)
        for child in children[name]:
            if child in waiting:
                waiting[child].discard(name)
                if not waiting[child]:
                    heapq.heappush(ready, (_FIRST.get(child, 2), child))
    return ordered


def shortest_paths(
    nodes: Mapping[str, Node], start: str, end: str, via: Sequence[str] = ()
) -> list[list[Step]]:
    """Give every shortest way from one node to another that passes all of ``via``.

    Parameters
    ----------
    nodes : Mapping of str to Node
    start, end : str
        Nodes; if they are one, the way has at least one step.
    via : sequence of str
        Names of nodes or links; downwards also a link's backref.

    Returns
    -------
    list of list of Step
    """
    steps: dict[str, list[Step]] = {name: [] for name in nodes}
    for node in nodes.values():
        for link in node.links:
            if link.target in nodes:
                steps[link.source].append(Step(link, up=True))
                steps[link.target].append(Step(link, up=False))
    goal = frozenset(via)
    passed = goal & {start}
    # breadth first over (where, what of `via` is passed): the first level that reaches the end is the answer
    level: dict[tuple[str, frozenset[str]], list[list[Step]]] = {(start, passed): [[]]}
    seen = {(start, passed)} if start != end else set()
    queue = deque([level])
    while queue:
        reached: dict[tuple[str, frozenset[str]], list[list[Step]]] = {}
        for (place, done), ways in queue.popleft().items():
            for step in steps[place]:
                state = (step.end, done | (goal & {step.end, *step.names}))
                if state not in seen:
                    reached.setdefault(state, []).extend([*way, step] for way in ways)
        found = reached.get((end, goal))
        if found:
            return found
        seen |= set(reached)
        if reached:
            queue.append(reached)
    return []
