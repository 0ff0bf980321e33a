"""A process that asks for it keeps memory that torch frees."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys, torch
from amortized_sr import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()


def layers():
    return [torch.ones(2_500_000) for _ in range(4)]


for _ in range(3):
    layers()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    layers()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_pages_of_freed_tensors_are_used_again():
    def page_faults(how):
        command = [sys.executable, "-c", PROGRAM, how]
        return int(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout)

    # A call's tensors are 10,000 pages of 4 KiB. Now and then something small lies above them; then glibc keeps them.
    assert any(page_faults("free") > 20_000 for _ in range(5))
    assert page_faults("keep") < 5_000
