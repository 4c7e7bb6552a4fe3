"""The HTTP gateway: HTTP and JSON at the edge, gRPC to the mesh."""
