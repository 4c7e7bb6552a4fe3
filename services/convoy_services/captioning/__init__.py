"""Image captioning: decode → caption → detokenize. mesh.yaml wires them:

stages:
  decode:     {class: "convoy_services.captioning:Decode"}
  caption:    {class: "convoy_services.captioning:Caption",    settings: {model: NAME}}
  detokenize: {class: "convoy_services.generation:Detokenize", settings: {model: NAME}}
"""

from convoy_services.captioning.caption import Caption
from convoy_services.captioning.decode import Decode

__all__ = ["Caption", "Decode"]
