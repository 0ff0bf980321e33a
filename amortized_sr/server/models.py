"""The models that a server draws with, by their names in requests."""

from collections.abc import Mapping, Sequence
from typing import final

from amortized_sr.compute import Compute
from amortized_sr.server.refusal import RequestError
from amortized_sr.upscaler import Upscaler
from amortized_sr.web.page import name_in_address
from amortized_sr.weights import load_weights
from amortized_sr.weights_header import WeightsError, kind_of


@final
class ServedModels:
    """Loaded models; the first is the default.

    Args:
        upscalers: The models by their names in requests.
        names: What they were called when the server was started: bundled names and paths.
    """

    def __init__(self, upscalers: Mapping[str, Upscaler], names: Sequence[str]) -> None:
        self._upscalers = dict(upscalers)
        self.names = tuple(names)

    @classmethod
    def load(cls, names: Sequence[str], compute: Compute) -> "ServedModels":
        """Load bundled weights by name, or weights files.

        Raises:
            WeightsError: If there are no such weights, or two have the same name.
            ValueError: If the device is not available.
        """
        upscalers: dict[str, Upscaler] = {}
        for name in names:
            trained = load_weights(name)
            known = name_in_address(trained.path)
            if known in upscalers:
                raise WeightsError(f"{trained.path}: two models have the name {known}; rename one file")
            upscalers[known] = Upscaler(trained, compute)
        return cls(upscalers, names)

    def find(self, name: str | None) -> Upscaler:
        """Return the model of a name, or the default for None.

        Raises:
            RequestError: If no model has this name.
        """
        if name is None:
            return next(iter(self._upscalers.values()))
        if name not in self._upscalers:
            known = ", ".join(self._upscalers)
            raise RequestError(400, f"there is no model {name[:40]!a}; there are {known}", unread=True)
        return self._upscalers[name]

    def facts(self) -> list[dict[str, object]]:
        """Return what `/v1/models` says."""
        return [
            {
                "name": name,
                "default": number == 0,
                "kind": kind_of(upscaler.trained.config),
                "channels": upscaler.trained.config.channels,
                "conditions": list(upscaler.conditions),
                "sha256": upscaler.trained.digest,
            }
            for number, (name, upscaler) in enumerate(self._upscalers.items())
        ]
