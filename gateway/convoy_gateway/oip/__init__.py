"""The Open Inference Protocol over HTTP, each request one call of the mesh's gRPC service of it.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol and Triton's
https://github.com/triton-inference-server/server/tree/main/docs/protocol
"""
