# The mesh, and the gateway, in containers: what `make` does on a machine, in the same order, as a user of no rank.
# Not built where CI runs (it has no Docker engine): each step is one that CI performs itself.
FROM python:3.11-slim-bookworm AS base
RUN useradd --create-home --uid 10001 convoy
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY clients/python clients/python
COPY services services
COPY gateway gateway
RUN python -m venv .venv \
    && .venv/bin/pip install --quiet --upgrade pip
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1

FROM base AS gateway
RUN .venv/bin/pip install --quiet --constraint constraints.txt '.[gateway]'
ENV CONVOY_GATEWAY_HOST=0.0.0.0
USER convoy
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=5s CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/livez', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["convoy-gateway"]

FROM base AS mesh
# An index with builds of torch for this machine, as PyTorch's page names it; PyPI's have CUDA.
ARG TORCH_INDEX=
RUN .venv/bin/pip install --quiet --constraint constraints.txt ${TORCH_INDEX:+--index-url $TORCH_INDEX} torch \
    && .venv/bin/pip install --quiet --constraint constraints.txt '.[serve,models,recommendation]'
USER convoy
EXPOSE 9000 9464
HEALTHCHECK --interval=5s --timeout=5s --start-period=120s CMD ["convoy", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["convoy"]
CMD ["up", "--no-gateway", "--host", "0.0.0.0", "--port", "9000", "--metrics-port", "9464"]
