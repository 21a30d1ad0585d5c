from training.small_networks import backbone as backbone
from training.small_run import frames as frames
from training.small_run import material as material
