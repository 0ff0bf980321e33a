"""Chooses what draws each picture: torch, numpy for pictures that take less time than torch takes to load, or ONNX."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, final

from amortized_sr.batch.options import BatchOptions
from amortized_sr.choices import EngineName
from amortized_sr.engine import Engine
from amortized_sr.image_io import ImageError
from amortized_sr.pictures.conversion import Conversion
from amortized_sr.runtime.engine import NumpyEngine
from amortized_sr.runtime.images import TorchNeededError, check_choices
from amortized_sr.runtime.onnx_engine import OnnxEngine
from amortized_sr.weights_header import models_reading

if TYPE_CHECKING:
    from amortized_sr.upscaler import Upscaler

# How much `NumpyEngine.work` numpy may do for all pictures of a run: about 440x440. Whole processes on two cores
# take as long with either engine at 450x450 and x4, in bf16 with torch, by `scripts/bench_engines.py`.
_NUMPY_WORK = 32_000_000_000


@final
class UnusableError(ValueError):
    """The model, the device, the engine or the manifest cannot be used, so that no input can be upscaled."""


@final
@dataclass
class Engines:
    """The engines of one run, each loaded when the first picture needs it.

    The choice for a picture depends on the picture, the options and the number of jobs alone, so that a batch that is
    resumed draws as one that was not interrupted.

    Args:
        options: How the pictures are upscaled.
        num_jobs: How many pictures the run has.
        detail: Gets a line about each engine that is loaded.
        loading: Entered while libraries load.
        limit_threads: Whether torch may get one thread, so that many small pictures are drawn side by side.
    """

    options: BatchOptions
    num_jobs: int
    detail: Callable[[str], None]
    loading: Callable[[], AbstractContextManager[None]]
    limit_threads: bool
    _stack: ExitStack = field(default_factory=ExitStack)
    _numpy: NumpyEngine | TorchNeededError | None = None
    _numpy_is_told: bool = False
    _onnx: OnnxEngine | None = None
    _torch: "Upscaler | None" = None
    _threads: int = 1

    @property
    def side_by_side(self) -> int:
        """How many pictures are drawn at once, each by one thread; 1 as long as numpy draws."""
        return self._threads

    def of(self, conversion: Conversion) -> Engine:
        """Return what draws a picture.

        Raises:
            UnusableError: If the model, the device or the engine cannot be used.
            ImageError: If the engine that was asked for cannot draw this picture.
        """
        if self.options.engine == "torch":
            return self._load_torch()
        if self.options.engine == "onnx":
            engine = self._load_onnx()
            _check_memory(engine, conversion)
            return engine
        engine = self._load_numpy()
        if isinstance(engine, TorchNeededError):
            if self.options.engine == "numpy":
                raise UnusableError(f"{engine}; leave the engine to the program")
            return self._load_torch()
        image = conversion.image
        try:
            _check_memory(engine, conversion)
        except ImageError:
            if self.options.engine == "numpy":
                raise
            return self._load_torch()
        drawn_alone = conversion.output.size if self.num_jobs == 1 else (0, 0)
        work = engine.work(image.size, drawn_alone) * len(image.frames) * self.num_jobs
        if self.options.engine == "auto" and work > _NUMPY_WORK:
            return self._load_torch()
        if not self._numpy_is_told:
            self._numpy_is_told = True
            self.detail(f"model {self.options.model} on cpu in {engine.precision}, by numpy")
        return engine

    @contextlib.contextmanager
    def all_threads(self) -> Iterator[None]:
        """Give torch all its threads, while nothing is read, drawn or written beside it."""
        if self._threads == 1:
            yield
            return
        with _torch_threads(self._threads):
            yield

    def begin_thread(self) -> None:
        """Let the calling thread, which draws beside others, know how many threads torch may use."""
        import torch

        # OpenMP counts for each thread; torch hands on its own count with the first question for it.
        torch.get_num_threads()

    def close(self) -> None:
        """Give torch back the threads that it had."""
        self._stack.close()

    def _load_numpy(self) -> NumpyEngine | TorchNeededError:
        if self._numpy is None:
            try:
                check_choices("numpy", self.options.compute, self.options.pictures.tta)
                self._numpy = NumpyEngine.from_pretrained(self.options.model, self.options.compute)
                self._check_strengths(self._numpy)
            except TorchNeededError as error:
                self._numpy = error
            except ValueError as error:
                raise UnusableError(str(error)) from None
        return self._numpy

    def _load_onnx(self) -> OnnxEngine:
        if self._onnx is None:
            try:
                check_choices("onnx", self.options.compute, self.options.pictures.tta)
                self._onnx = OnnxEngine(Path(self.options.model), self.options.compute)
                self._check_strengths(self._onnx)
            except TorchNeededError as error:
                raise UnusableError(f"{error}; leave the engine to the program") from None
            except ValueError as error:
                raise UnusableError(str(error)) from None
            self.detail(f"model {self.options.model} on cpu in fp32, by onnxruntime")
        return self._onnx

    def _load_torch(self) -> "Upscaler":
        if self._torch is not None:
            return self._torch
        with self.loading():
            import torch

            from amortized_sr.upscaler import Upscaler
            from amortized_sr.weights import load_weights
        try:
            self._torch = Upscaler(load_weights(self.options.model), self.options.compute)
            if self.options.pictures.tta:
                self._torch.model.check_ensemble()
            self._check_strengths(self._torch)
        except ValueError as error:
            raise UnusableError(str(error)) from None
        # Convolutions of small pictures gain little from threads. They lose far more than they gain if one of these
        # shares its core with a reader or writer: two on two cores made a batch three times slower.
        if self.limit_threads and self.num_jobs > 1 and self._torch.device.type == "cpu":
            self._threads = torch.get_num_threads()
            self._stack.enter_context(_torch_threads(1))
        self.detail(f"model {self.options.model} on {self._torch.device} in {self._torch.precision}")
        return self._torch

    def _check_strengths(self, engine: Engine) -> None:
        self.options.pictures.restoration.check(engine.conditions, models_reading)


def _check_memory(engine: NumpyEngine | OnnxEngine, conversion: Conversion) -> None:
    """Check that an engine without torch can draw a picture.

    Raises:
        ImageError: If the picture takes too much memory for it.
    """
    try:
        engine.check_memory(conversion.image.size)
    except TorchNeededError as error:
        raise ImageError(conversion.source, str(error), "choose the engine torch", "engine") from None


def name_of(engine: Engine) -> EngineName:
    """Return the name of an engine."""
    if isinstance(engine, OnnxEngine):
        return "onnx"
    return "numpy" if isinstance(engine, NumpyEngine) else "torch"


@contextlib.contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
