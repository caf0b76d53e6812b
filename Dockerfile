# One image a service: docker build --target <service> -t em-pipeline-<service> .
# Plain instructions only: the classic builder and BuildKit build the same thing.
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE} AS runtime
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/app \
    OPENBLAS_NUM_THREADS=1 \
    EM_DATA_DIR=/app/data
WORKDIR /app
COPY requirements/pipeline.lock requirements/pipeline.lock
RUN pip install --no-cache-dir --disable-pip-version-check -r requirements/pipeline.lock
COPY pipeline pipeline
# The shared file system is mounted over /app/data; its files belong to this user.
RUN mkdir data && chown 10001:10001 data
USER 10001:10001

FROM runtime AS ebi
ENTRYPOINT ["python", "-m", "pipeline", "ebi"]

FROM runtime AS epfl
ENTRYPOINT ["python", "-m", "pipeline", "epfl"]

FROM runtime AS flyem
ENTRYPOINT ["python", "-m", "pipeline", "flyem"]

FROM runtime AS idr
ENTRYPOINT ["python", "-m", "pipeline", "idr"]

FROM runtime AS openorganelle
ENTRYPOINT ["python", "-m", "pipeline", "openorganelle"]

FROM runtime AS consolidate
ENTRYPOINT ["python", "-m", "pipeline", "consolidate"]
