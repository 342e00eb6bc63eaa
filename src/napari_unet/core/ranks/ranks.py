"""The processes that train one network together, one on each device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from napari_unet.core.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class LostDeviceError(UserError):
    """One of the processes of a training is gone."""


class Ranks(Protocol):
    """A process among those that train together; rank 0 leads.

    All of them call the same methods in the same order.

    Attributes
    ----------
    rank, size
        The number of this process, and how many there are.
    """

    rank: int
    size: int

    def total(self, values: Tensor) -> Tensor:
        """Return the sum over all ranks; no gradient passes."""

    def least(self, value: int) -> int:
        """Return the least value of any rank."""

    def sum_for_leader(self, tensors: Sequence[Tensor]) -> None:
        """Replace the leader's tensors by the sums over all ranks."""

    def share_leaders(self, tensors: Sequence[Tensor]) -> None:
        """Replace everyone's tensors by the leader's."""

    def tell(self, message: Any) -> None:
        """Tell the others something; the leader only."""

    def hear(self) -> Any:
        """Wait for what the leader tells; the others only."""


class Alone:
    """One process that trains by itself."""

    rank = 0
    size = 1

    def total(self, values: Tensor) -> Tensor:
        """Return the values."""
        return values.detach()

    def least(self, value: int) -> int:
        """Return the value."""
        return value

    def sum_for_leader(self, tensors: Sequence[Tensor]) -> None:
        """Leave the tensors as they are."""

    def share_leaders(self, tensors: Sequence[Tensor]) -> None:
        """Leave the tensors as they are."""

    def tell(self, message: Any) -> None:
        """Tell nobody."""

    def hear(self) -> Any:
        """Raise: there is no leader to be heard."""
        raise RuntimeError("a training on one device has no leader")


ALONE = Alone()


def check_alone(ranks: Ranks, cause: BaseException) -> None:
    """Raise a `UserError` for memory that ran out, unless this process trains by itself.

    The other devices are in the middle of the same step, and can't go on with a smaller one.
    """
    if ranks.size > 1:
        raise UserError(
            "Memory ran out on a device",
            value=str(cause).partition("\n")[0],
            rule="All devices take steps of one size, which was planned for the free memory.",
            remedy="Close other programs or choose smaller patches, and run the same command again: the "
            "training goes on where it was saved.",
        ) from cause


def summed(ranks: Ranks, part: Tensor) -> Tensor:
    """Return the sum of a quantity over all ranks, whose gradient is that of this rank's part.

    Gradients that the ranks compute of the same function of such sums add up to the whole gradient.
    """
    if ranks.size == 1:
        return part
    return part + (ranks.total(part.detach()) - part.detach())
