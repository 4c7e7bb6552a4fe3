"""Text generation: prompt → generate → detokenize. mesh.yaml wires them:

stages:
  prompt:     {class: "convoy_services.generation:Prompt",     settings: {model: NAME}}
  generate:   {class: "convoy_services.generation:Generate",   settings: {model: NAME, …}}
  detokenize: {class: "convoy_services.generation:Detokenize", settings: {model: NAME}}
"""

from convoy_services.generation.detokenize import Detokenize
from convoy_services.generation.generate import Generate
from convoy_services.generation.prompt import Prompt

__all__ = ["Detokenize", "Generate", "Prompt"]
"""The stages."""
