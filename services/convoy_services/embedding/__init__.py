"""Sentence embedding: tokenize → encode → normalize. mesh.yaml wires them:

stages:
  tokenize:  {class: "convoy_services.embedding:Tokenize",  settings: {model: NAME}}
  encode:    {class: "convoy_services.embedding:Encode",    settings: {model: NAME}}
  normalize: {class: "convoy_services.embedding:Normalize", settings: {model: NAME}}
"""

from convoy_services.embedding.encode import Encode
from convoy_services.embedding.normalize import Normalize
from convoy_services.embedding.tokenize import Tokenize

__all__ = ["Encode", "Normalize", "Tokenize"]
