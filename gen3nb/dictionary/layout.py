"""Where boxes and lines go when a graph is drawn in layers, parents above their children.

The steps are the usual ones: layers, an order within each that crosses few lines, places in that order that
keep lines straight. Names and sizes go in, coordinates come out; the same input gives the same picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

__all__ = ["Layout", "Line", "arrange"]

Point = tuple[float, float]
# A box that is seen has a name; one that only holds a place for a long line has a number.
Box = str | int

_SWEEPS = 12
_ROUNDS = 40


@dataclass(frozen=True)
class Line:
    """A line from a parent (above) to a child (below): the points that it passes.

    Attributes
    ----------
    number : int
        Its place in the edges that were given.
    points : tuple of (float, float)
        From the parent's lower edge to the child's upper edge.
    """

    number: int
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Layout:
    """Centres of boxes, courses of lines, and the size of it all (pixels).

    Attributes
    ----------
    places : dict of str to (float, float)
    lines : list of Line
    width, height : float
    """

    places: dict[str, Point]
    lines: list[Line]
    width: float
    height: float


@dataclass
class _Grid:
    """The graph in layers, long edges cut into pieces by unseen boxes (named by numbers)."""

    layers: list[list[Box]]
    up: dict[Box, list[Box]] = field(default_factory=dict)
    down: dict[Box, list[Box]] = field(default_factory=dict)
    chains: list[list[Box]] = field(default_factory=list)


def arrange(
    widths: Mapping[str, float],
    edges: Sequence[tuple[str, str]],
    *,
    height: float = 36,
    gap: float = 18,
    rise: float = 34,
    widest: float = 1240,
) -> Layout:
    """Arrange boxes in layers.

    Parameters
    ----------
    widths : Mapping of str to float
        Every box and its width, in an order in which parents stand before their children.
    edges : sequence of (str, str)
        Parent and child; the same pair may stand there twice. No edge of a box to itself.
    height, gap, rise : float
        Height of a box, space beside it, space below it.
    widest : float
        Beyond this width, boxes without children move to a row of their own.

    Returns
    -------
    Layout
    """
    rank = {name: place for place, name in enumerate(widths)}
    downward = [(a, b) if rank[a] < rank[b] else (b, a) for a, b in edges]
    level = _layers(list(widths), downward)
    _narrow(level, downward, widths, gap, widest)
    grid = _cut(level, downward, list(widths))
    _order(grid)
    x = _places(grid, widths, gap)
    rows = {name: row for row, layer in enumerate(grid.layers) for name in layer}
    y = {name: row * (height + rise) + height / 2 for name, row in rows.items()}
    lines = _lines(grid, x, y, widths, height)
    for number, (a, b) in enumerate(edges):
        if (a, b) != downward[number]:  # an edge that closes a ring runs upwards
            lines[number] = Line(number, lines[number].points[::-1])
    right = max((x[name] + widths[name] / 2 for name in widths), default=0.0)
    right = max([right, *(px for line in lines for px, _ in line.points)])
    total = len(grid.layers) * (height + rise) - rise if grid.layers else 0.0
    return Layout({name: (x[name], y[name]) for name in widths}, lines, right, total)


# --- layers ---------------------------------------------------------------------------------------------


def _layers(names: list[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Put each box one below its lowest parent; then pull those with more children than parents down."""
    parents: dict[str, list[str]] = {name: [] for name in names}
    children: dict[str, list[str]] = {name: [] for name in names}
    for above, below in edges:
        parents[below].append(above)
        children[above].append(below)
    level: dict[str, int] = {}
    for name in names:
        level[name] = 1 + max((level[parent] for parent in parents[name]), default=-1)
    for name in reversed(names):
        if len(set(children[name])) > len(set(parents[name])):
            level[name] = max(level[name], min(level[child] for child in children[name]) - 1)
    return level


def _narrow(
    level: dict[str, int],
    edges: Sequence[tuple[str, str]],
    widths: Mapping[str, float],
    gap: float,
    widest: float,
) -> None:
    """Where a layer is too wide, move boxes without children to further layers put in below it (in place)."""
    inner = {above for above, _ in edges}
    place = {name: number for number, name in enumerate(widths)}
    parent = {below: place[above] for above, below in reversed(edges)}
    row = 0
    while row <= max(level.values(), default=-1):
        here = [name for name in widths if level[name] == row]
        leaves = [name for name in here if name not in inner]
        leaves.sort(key=lambda name: (parent.get(name, -1), name))
        used = sum(widths[name] + gap for name in here)
        moved: list[str] = []
        while leaves and used > widest and len(here) - len(moved) > 1:
            name = leaves.pop()
            moved.append(name)
            used -= widths[name] + gap * 0.7  # its line passes here
        if moved:
            for name in level:
                if level[name] > row:
                    level[name] += 1
            for name in moved:
                level[name] = row + 1
        row += 1


def _cut(level: Mapping[str, int], edges: Sequence[tuple[str, str]], names: list[str]) -> _Grid:
    """Cut edges that span several layers into pieces of one layer each."""
    grid = _Grid([[] for _ in range(max(level.values(), default=-1) + 1)])
    for name in names:
        grid.layers[level[name]].append(name)
        grid.up[name], grid.down[name] = [], []
    unseen = 0
    for above, below in edges:
        chain: list[Box] = [above]
        for row in range(level[above] + 1, level[below]):
            grid.layers[row].append(unseen)
            grid.up[unseen], grid.down[unseen] = [], []
            chain.append(unseen)
            unseen += 1
        chain.append(below)
        for one, two in pairwise(chain):
            grid.down[one].append(two)
            grid.up[two].append(one)
        grid.chains.append(chain)
    return grid


# --- order within layers --------------------------------------------------------------------------------


def _order(grid: _Grid) -> None:
    """Order each layer so that few lines cross (in place): by the mean place of neighbours, then by swaps."""
    best = [list(layer) for layer in grid.layers]
    fewest = _crossings(grid)
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        rows = range(1, len(grid.layers)) if downwards else range(len(grid.layers) - 2, -1, -1)
        for row in rows:
            beside = grid.layers[row - 1 if downwards else row + 1]
            place = {name: number for number, name in enumerate(beside)}
            near = grid.up if downwards else grid.down
            _sort_by_neighbours(grid.layers[row], near, place)
        _swap(grid)
        crossed = _crossings(grid)
        if crossed < fewest:
            fewest, best = crossed, [list(layer) for layer in grid.layers]
    grid.layers[:] = best


def _sort_by_neighbours(
    layer: list[Box],
    near: Mapping[Box, list[Box]],
    place: Mapping[Box, int],
) -> None:
    """Sort by the mean place of neighbours; boxes without any keep theirs."""
    mean = {
        name: sum(place[one] for one in near[name]) / len(near[name]) if near[name] else float(number)
        for number, name in enumerate(layer)
    }
    layer.sort(key=lambda name: mean[name])


def _swap(grid: _Grid) -> None:
    """Swap neighbours in a layer as long as that makes fewer crossings."""
    place = {name: number for layer in grid.layers for number, name in enumerate(layer)}
    for _ in range(6):
        improved = False
        for layer in grid.layers:
            for left in range(len(layer) - 1):
                one, two = layer[left], layer[left + 1]
                if _gain(grid, place, one, two) > 0:
                    layer[left], layer[left + 1] = two, one
                    place[one], place[two] = left + 1, left
                    improved = True
        if not improved:
            return


def _gain(grid: _Grid, place: Mapping[Box, int], one: Box, two: Box) -> int:
    """Count how many crossings fewer there are if two neighbours change places."""
    gain = 0
    for near in (grid.up, grid.down):
        theirs = [place[end] for end in near[two]]
        for end in near[one]:
            own = place[end]
            gain += sum(own > other for other in theirs) - sum(own < other for other in theirs)
    return gain


def _crossings(grid: _Grid) -> int:
    """Count crossings of lines between all layers."""
    total = 0
    for above, below in pairwise(grid.layers):
        place = {name: number for number, name in enumerate(below)}
        ends = [end for name in above for end in sorted(place[child] for child in grid.down[name])]
        total += sum(one > two for number, one in enumerate(ends) for two in ends[number + 1 :])
    return total


# --- places ---------------------------------------------------------------------------------------------


def _half(name: Box, widths: Mapping[str, float]) -> float:
    return widths[name] / 2 if isinstance(name, str) else 0.0


def _apart(one: Box, two: Box, widths: Mapping[str, float], gap: float) -> float:
    """Give how far apart two neighbours' centres must be; lines may run closer together than boxes."""
    seen = isinstance(one, str) + isinstance(two, str)
    return _half(one, widths) + _half(two, widths) + gap * (0.3, 0.6, 1)[seen]


def _places(grid: _Grid, widths: Mapping[str, float], gap: float) -> dict[Box, float]:
    """Give each box its x: near the mean of its neighbours, in order, without touching the next."""
    x: dict[Box, float] = {}
    for layer in grid.layers:
        at = 0.0
        for name in layer:
            x[name] = at + _half(name, widths)
            at += 2 * _half(name, widths) + gap
        for name in layer:
            x[name] -= at / 2
    for turn in range(_ROUNDS):
        rows = range(len(grid.layers)) if turn % 2 == 0 else range(len(grid.layers) - 1, -1, -1)
        for row in rows:
            layer = grid.layers[row]
            wanted, weights = [], []
            for name in layer:
                near = grid.up[name] + grid.down[name]
                if turn < _ROUNDS // 2:
                    near = (grid.up if turn % 2 == 0 else grid.down)[name] or near
                # pieces of one long line pull hard, so that it is straight
                pull = [4.0 if isinstance(name, int) and isinstance(one, int) else 1.0 for one in near]
                total = sum(pull)
                mean = sum(x[one] * part for one, part in zip(near, pull, strict=True))
                wanted.append(mean / total if near else x[name])
                weights.append(max(total, 0.1))
            apart = [_apart(a, b, widths, gap) for a, b in pairwise(layer)]
            for name, place in zip(layer, _spread(wanted, weights, apart), strict=True):
                x[name] = place
    _straighten(grid, x, widths, gap)
    left = min((x[name] - _half(name, widths) for name in x), default=0.0)
    return {name: place - left for name, place in x.items()}


def _straighten(grid: _Grid, x: dict[Box, float], widths: Mapping[str, float], gap: float) -> None:
    """Move the pieces of each long line to one x as far as their neighbours leave room for it (in place)."""
    beside: dict[Box, tuple[Box | None, Box | None]] = {}
    for layer in grid.layers:
        padded = [None, *layer, None]
        for left, name, right in zip(padded, layer, padded[2:], strict=False):
            beside[name] = (left, right)

    def room(name: Box) -> tuple[float, float]:
        left, right = beside[name]
        low = -1e9 if left is None else x[left] + _apart(left, name, widths, gap)
        high = 1e9 if right is None else x[right] - _apart(name, right, widths, gap)
        return low, high

    for _ in range(3):
        for chain in grid.chains:
            pieces = chain[1:-1]
            while pieces:
                low, high = room(pieces[0])
                count = 1
                while count < len(pieces):
                    its_low, its_high = room(pieces[count])
                    if max(low, its_low) > min(high, its_high):
                        break
                    low, high = max(low, its_low), min(high, its_high)
                    count += 1
                aim = sum(x[name] for name in pieces[:count]) / count
                for name in pieces[:count]:
                    x[name] = min(max(aim, low), high)
                pieces = pieces[count:]


def _spread(wanted: Sequence[float], weights: Sequence[float], apart: Sequence[float]) -> list[float]:
    """Give the places nearest to the wanted ones (least squares) that keep order and distances."""
    offsets = [0.0]
    for distance in apart:
        offsets.append(offsets[-1] + distance)
    # without the distances, places need only be in order: pool neighbours that are not
    pools: list[tuple[float, float, int]] = []
    for want, weight, offset in zip(wanted, weights, offsets, strict=False):
        mean, total, count = want - offset, weight, 1
        while pools and pools[-1][0] > mean:
            other, its_weight, its_count = pools.pop()
            mean = (mean * total + other * its_weight) / (total + its_weight)
            total += its_weight
            count += its_count
        pools.append((mean, total, count))
    means = [mean for mean, _, count in pools for _ in range(count)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=False)]


# --- lines ----------------------------------------------------------------------------------------------


def _lines(
    grid: _Grid,
    x: Mapping[Box, float],
    y: Mapping[Box, float],
    widths: Mapping[str, float],
    height: float,
) -> list[Line]:
    """Draw each chain through its unseen boxes; lines that share a side of a box part along it."""
    starts = _ports(grid, x, widths, above=True)
    ends = _ports(grid, x, widths, above=False)
    lines = []
    for number, chain in enumerate(grid.chains):
        points: list[Point] = [(starts[number], y[chain[0]] + height / 2)]
        for name in chain[1:-1]:
            points += [(x[name], y[name] - height / 2), (x[name], y[name] + height / 2)]
        points.append((ends[number], y[chain[-1]] - height / 2))
        lines.append(Line(number, tuple(points)))
    return lines


def _ports(grid: _Grid, x: Mapping[Box, float], widths: Mapping[str, float], *, above: bool) -> list[float]:
    """Give where each line leaves its parent (``above``) or reaches its child, by where it goes to."""
    own, other = (0, 1) if above else (-1, -2)
    at: dict[Box, list[int]] = {}
    for number, chain in enumerate(grid.chains):
        at.setdefault(chain[own], []).append(number)
    ports = [0.0] * len(grid.chains)
    for name, numbers in at.items():
        numbers.sort(key=lambda number: (x[grid.chains[number][other]], number))
        room = widths[str(name)] - 32
        step = min(10.0, room / max(len(numbers) - 1, 1))
        for place, number in enumerate(numbers):
            ports[number] = x[name] + (place - (len(numbers) - 1) / 2) * step
    return ports
