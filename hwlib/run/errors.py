"""What goes wrong before and while a notebook runs; needs nothing that runs one."""

from hwlib.common.errors import HwlibError


class RunError(HwlibError):
    """The notebook cannot be run, or a cell failed; the message says where and what to do next."""


class KernelDied(RunError):  # noqa: N818 - it says what happened
    """The kernel has ended although nothing told it to: another try may succeed."""
