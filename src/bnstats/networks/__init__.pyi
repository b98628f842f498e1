# The public names of `bn.networks`.

from .network import Network as Network, Recipe as Recipe
