# The public names of bnstats.monitor and where each is found.

from .flax_statistics import flax_statistics as flax_statistics
from .keras_callback import KerasCallback as KerasCallback
from .lightning_callback import LightningCallback as LightningCallback
from .trainer_callback import TrainerCallback as TrainerCallback
