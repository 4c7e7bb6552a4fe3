"""OpenAI's API over the mesh: models, embeddings, chat and completions."""
