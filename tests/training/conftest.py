from training.small_run import frames as frames
from training.small_run import material as material
