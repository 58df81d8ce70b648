"""The data dictionary: nodes, properties, links, rules; parses only, no network.

``Dictionary.from_json`` reads what a commons gives at sheepdog ``GET /v0/submission/_dictionary/_all``,
``Dictionary.from_folder`` a folder of YAML schemas.
"""

from gen3nb.dictionary.elements import Link, LinkGroup, Node, Property, Step
from gen3nb.dictionary.model import Dictionary

__all__ = ["Dictionary", "Link", "LinkGroup", "Node", "Property", "Step"]
