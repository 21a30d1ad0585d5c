from collections.abc import Iterator

import pytest
import torch

from training.small_networks import backbone as backbone
from training.small_run import frames as frames
from training.small_run import material as material


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """A network this small only waits for a second thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
