"""The pictures: whole, readable by a machine, and safe whatever a server's texts hold."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from gen3nb.dictionary import Dictionary
from gen3nb.dictionary.layout import arrange
from gen3nb.errors import DictionaryError

SVG = "{http://www.w3.org/2000/svg}"
EVIL = '</title><script>alert("1")</script>&amp;"\'><img src=x onerror=y>`${1}`'


@pytest.fixture
def hostile() -> Dictionary:
    """A dictionary in which every text tries to leave its place."""
    return Dictionary.from_json(
        {
            "case": {
                "id": "case<b>",
                "title": EVIL,
                "category": EVIL,
                "description": EVIL * 5,
                "links": [
                    {"name": "l" + EVIL, "target_type": "case<b>", "label": EVIL, "multiplicity": EVIL},
                    {"exclusive": True, "subgroup": [{"name": "g" + EVIL, "target_type": EVIL}]},
                ],
                "properties": {
                    "p" + EVIL: {"type": "string", "description": EVIL * 5, "pattern": EVIL},
                    "e": {"enum": [EVIL, "b"]},
                    "f": {"enum": [EVIL + str(number) for number in range(20)]},
                    "t": {"type": [EVIL]},
                    "d": {"type": "string", "format": EVIL},
                    "s" + EVIL: {"type": "string"},
                },
                "systemProperties": ["s" + EVIL],
            }
        },
        source=EVIL,
    )


def boxes(svg: str) -> dict[str, tuple[float, float, float, float]]:
    """Give left, top, right, bottom of each box."""
    found = {}
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        x, y = map(float, re.findall(r"-?[\d.]+", group.attrib["transform"]))
        rect = group.find(f"{SVG}rect")
        assert rect is not None
        found[group.attrib["data-node"]] = (
            x,
            y,
            x + float(rect.attrib["width"]),
            y + float(rect.attrib["height"]),
        )
    return found


def test_the_svg_shows_every_node_and_every_link(dictionary: Dictionary) -> None:
    svg = str(dictionary.diagram())
    root = ElementTree.fromstring(svg)
    assert set(boxes(svg)) == set(dictionary)
    lines = [path for path in root.iter(f"{SVG}path") if "link" in path.attrib.get("class", "")]
    links = [link for node in dictionary.values() for link in node.links]
    assert len(lines) == len(links)
    titles = [line.findtext(f"{SVG}title") or "" for line in lines]
    for link in links:
        assert any(title.startswith(f"{link.source} → {link.target}: {link.name} (") for title in titles)


def test_boxes_do_not_touch_and_parents_stand_above(dictionary: Dictionary) -> None:
    found = boxes(str(dictionary.diagram()))
    names = list(found)
    for number, one in enumerate(names):
        for two in names[number + 1 :]:
            a, b = found[one], found[two]
            assert a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1], (one, two)
    for node in dictionary.values():
        for link in node.links:
            if link.target != node.name:
                assert found[link.target][3] < found[node.name][1]


def test_everything_is_inside_the_frame(dictionary: Dictionary) -> None:
    svg = str(dictionary.diagram())
    left, top, width, height = map(float, ElementTree.fromstring(svg).attrib["viewBox"].split())
    for box in boxes(svg).values():
        assert left <= box[0]
        assert box[2] <= left + width
        assert top <= box[1]
        assert box[3] <= top + height
    for x, y in re.findall(r"(-?\d+\.\d) (-?\d+\.\d)", svg):
        assert left <= float(x) <= left + width
        assert top <= float(y) <= top + height


def test_the_picture_is_the_same_each_time(default: Dictionary) -> None:
    document = {name: default[name].schema for name in reversed(default.order)}
    assert str(Dictionary.from_json(document).diagram()) == str(default.diagram())


def test_some_nodes_only(default: Dictionary) -> None:
    diagram = default.diagram(nodes=["case", "diagnosis", "treatment"])
    assert set(boxes(str(diagram))) == {"case", "diagnosis", "treatment"}
    assert str(diagram).count('class="link') == 2
    assert default.diagram(nodes=[]).text.startswith("<svg")
    with pytest.raises(DictionaryError, match="Did you mean 'case'"):
        default.diagram(nodes=["cases"])
    with pytest.raises(DictionaryError, match="'svg' or 'mermaid', not as 'png'"):
        default.diagram("png")


def test_a_wide_layer_is_parted() -> None:
    document = {f"leaf_{number:03}": {"links": [{"name": "tops", "target_type": "top"}], "properties": {}}
                for number in range(60)}  # fmt: skip
    svg = str(Dictionary.from_json({"top": {"properties": {}}, **document}).diagram())
    assert max(box[2] for box in boxes(svg).values()) < 2500  # in one row: more than 6000
    assert len(boxes(svg)) == 61


def test_a_ring_is_drawn() -> None:
    def schema(target: str) -> dict:
        return {"links": [{"name": "up", "target_type": target}], "properties": {}}

    svg = str(Dictionary.from_json({"a": schema("b"), "b": schema("c"), "c": schema("a")}).diagram())
    assert set(boxes(svg)) == {"a", "b", "c"}
    assert svg.count('class="link') == 3


def test_long_lines_pass_beside_boxes() -> None:
    """From top to bottom past a middle row: the line must not run through a box of that row."""
    widths = {"top": 80.0, "m1": 80.0, "m2": 80.0, "m3": 80.0, "low": 80.0}
    edges = [("top", "m1"), ("top", "m2"), ("top", "m3"), ("m1", "low"), ("m3", "low"), ("top", "low")]
    layout = arrange(widths, edges)
    passing = layout.lines[5].points[1:-1]
    assert len(passing) == 2
    for x, _ in passing:
        for name in ("m1", "m2", "m3"):
            assert abs(layout.places[name][0] - x) > 40


def test_mermaid(garden: Dictionary) -> None:
    text = str(garden.diagram("mermaid"))
    lines = text.splitlines()
    assert lines[0] == "flowchart TD"
    assert sum(" --- " in line or " ---|" in line or "-.-|" in line for line in lines) == sum(
        len(node.links) for node in garden.values()
    )
    assert '["flowerShow"]:::clinical' in text
    assert garden.diagram("mermaid")._repr_svg_() is None
    assert "text/vnd.mermaid" in garden.diagram("mermaid")._repr_mimebundle_()


def test_a_diagram_is_saved(garden: Dictionary, tmp_path) -> None:
    file = garden.diagram().save(tmp_path / "garden.svg")
    assert file.read_text("utf-8") == str(garden.diagram())
    assert garden.diagram()._repr_html_() == str(garden.diagram())


def test_a_servers_texts_stay_texts(hostile: Dictionary) -> None:
    node = hostile["case<b>"]
    svg = str(hostile.diagram())
    ElementTree.fromstring(svg)  # well-formed
    pages = [svg, node._repr_html_(), hostile._repr_html_()]
    pages += [prop._repr_html_() for prop in node.properties.values()]
    for page in pages:
        assert "<script" not in page
        assert "<img" not in page
        assert "case<b>" not in page
    mermaid = str(hostile.diagram("mermaid"))
    assert "<" not in mermaid
    assert '"' not in re.sub(r'\["[\w .#;\-]*"\]|\|"[\w .#;\-]*"\|', "", mermaid)


def test_a_node_can_be_read(default: Dictionary, garden: Dictionary) -> None:
    page = default["diagnosis"]._repr_html_()
    assert "0 to 32872" in page
    assert "link → case" in page
    assert 'aria-label="required"' in page
    assert page.index("submitter_id") < page.index("cases.submitter_id") < page.index("age_at_diagnosis")
    assert "created_datetime" in page.partition("The commons fills in")[2]
    assert "exactly one of (seed_lots and/or plants), gardens" in garden["plant"]._repr_html_()
    assert "not for submission" in garden["tool"]._repr_html_()
    whole = garden._repr_html_()
    assert whole.count("<tr>") == len(garden) + 1
