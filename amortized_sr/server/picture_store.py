"""Pictures as functions by their ids, in memory that is bounded, for a time that is bounded. Loads no torch."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from amortized_sr.server.refusal import RequestError

if TYPE_CHECKING:
    from amortized_sr.picture import Picture


@final
@dataclass(frozen=True)
class StoredPicture:
    """A picture as a function, as the server keeps it.

    Attributes:
        picture: The function.
        digest: Hash of the file that was sent and of the weights, for ETags.
        expires: When it is forgotten, in seconds of the store's clock.
    """

    picture: "Picture"
    digest: str
    expires: float


@final
class PictureStore:
    """The pictures, for the thread of the event loop alone.

    Args:
        max_bytes: Memory of all latents together; the picture unused for longest goes first.
        lifetime: Seconds that a picture is kept.
        clock: Returns seconds.
    """

    def __init__(self, max_bytes: int, lifetime: int | float, clock: Callable[[], float] = time.time) -> None:
        self.max_bytes = max_bytes
        self.lifetime = lifetime
        self._clock = clock
        self._pictures: OrderedDict[str, StoredPicture] = OrderedDict()
        self.nbytes = 0

    def __len__(self) -> int:
        return len(self._pictures)

    def add(self, picture: "Picture", digest: str) -> tuple[str, StoredPicture]:
        """Keep a picture under a new id that nobody can guess.

        Raises:
            RequestError: If it alone needs more memory than there is.
        """
        self.forget_expired()
        needed = picture.latent.nbytes
        if needed > self.max_bytes:
            problem = f"the picture as a function takes {needed:,} bytes, above the limit of {self.max_bytes:,}"
            raise RequestError(413, f"{problem}; send a smaller one")
        while self.nbytes + needed > self.max_bytes:
            self.remove(next(iter(self._pictures)))
        name = secrets.token_hex(16)
        stored = StoredPicture(picture, digest, self._clock() + self.lifetime)
        self._pictures[name] = stored
        self.nbytes += needed
        return name, stored

    def get(self, name: str) -> StoredPicture:
        """Return a picture.

        Raises:
            RequestError: If no picture has this id.
        """
        self.forget_expired()
        if name not in self._pictures:
            raise forgotten()
        self._pictures.move_to_end(name)
        return self._pictures[name]

    def remove(self, name: str) -> None:
        """Forget a picture.

        Raises:
            RequestError: If no picture has this id.
        """
        self.get(name)
        self.nbytes -= self._pictures.pop(name).picture.latent.nbytes

    def forget_expired(self) -> None:
        """Forget the pictures whose time is over."""
        now = self._clock()
        for name in [name for name, stored in self._pictures.items() if stored.expires <= now]:
            self.nbytes -= self._pictures.pop(name).picture.latent.nbytes


def forgotten() -> RequestError:
    """Return the refusal for an id that no picture has, or no picture has any more."""
    return RequestError(404, "no picture has this id, or its time is over; send it again to /v1/images")
