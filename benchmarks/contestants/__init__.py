"""The mesh and its peers: each a server of the same work, in processes of its own."""
