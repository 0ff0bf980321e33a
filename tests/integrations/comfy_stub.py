"""A stand-in for `comfy_api.latest`, as far as our nodes use it, with the signatures of ComfyUI's documentation."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Socket:
    kind: str
    id: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)


def kind(name, *known):
    """Return a type of sockets whose inputs take the settings that are known."""

    class Kind:
        @staticmethod
        def Input(id, **settings):  # noqa: N802 (ComfyUI's name)
            assert set(settings) <= {"display_name", "optional", "tooltip", "lazy", "advanced", *known}, settings
            return Socket(name, id, settings)

        @staticmethod
        def Output(id=None, display_name=None, tooltip=None):  # noqa: N802 (ComfyUI's name)
            return Socket(name, id, {"display_name": display_name})

    return Kind


class io:  # noqa: N801 (ComfyUI's name)
    Image = kind("IMAGE")
    Float = kind("FLOAT", "default", "min", "max", "step", "round")
    Int = kind("INT", "default", "min", "max", "step")
    Combo = kind("COMBO", "options", "default")
    Custom = staticmethod(kind)

    @dataclass
    class Schema:
        node_id: str
        display_name: str
        category: str
        inputs: list
        outputs: list
        description: str = ""

    class ComfyNode:
        pass

    class NodeOutput:
        def __init__(self, *result):
            self.result = result


class ComfyExtension:
    pass
