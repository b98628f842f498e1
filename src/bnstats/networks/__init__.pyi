# The public names of `bn.networks`.

from .network import Network as Network
from .recipe import Recipe as Recipe
