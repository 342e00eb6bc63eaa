"""YAML that others wrote: plain values only, and no more of them than a person would write."""

from __future__ import annotations

from typing import Any

import yaml

MAX_BRACKETS = 10_000
"""So many brackets don't occur in one; nested, they take long to read."""

MAX_PARTS = 100_000
"""Values and keys of a description, those behind aliases each time they are named."""


def load_yaml(text: bytes) -> Any:
    """Read YAML whose aliases don't stand for far more than is written.

    Raises
    ------
    yaml.YAMLError, ValueError, RecursionError
        When it is damaged, or too much.
    """
    if text.count(b"[") + text.count(b"{") > MAX_BRACKETS:
        raise ValueError("nothing but brackets")
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if (size := _size(node, {})) > MAX_PARTS:
            raise ValueError(f"its aliases stand for {size:,} parts")
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Count the parts of a node, those behind an alias each time."""
    if id(node) not in known:
        # met again before it is counted, it contains itself
        known[id(node)] = MAX_PARTS + 1
        inner: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            inner = [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            inner = node.value
        known[id(node)] = 1 + sum(_size(part, known) for part in inner)
    return known[id(node)]
